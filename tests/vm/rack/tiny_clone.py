"""The tiny golden machine at work: boots, serves, is asked how it went."""

import json
import shutil
from pathlib import Path

from . import disk, tiny
from .firmware import FIRMWARES, OVMF
from .golden import ROOT
from .machine import Disk, Machine
from .nvram import Nvram
from .rack import KA_SERVER, KEY, Rack
from .tiny_loaders import LOADERS

# Stage2 is a disk of its own (vda), which no clone needs.
AS_IT_IS = "-X vda -x /srv/excluded"
OPTIONS = f"-p sda /root/desc {AS_IT_IS} -r grub"

ENTRY = "the golden one"  # in its NVRAM; BOOTX64.CSV says another


class TinyGolden:
    def __init__(self, rack: Rack, layout: tiny.Layout = tiny.DOS):
        self.layout = layout
        if not layout.mounted_here:
            shutil.copy(KA_SERVER, rack.tftp_root)
        own = self._disks(rack)
        disks = [own[0], Disk(ROOT / "build/rescue.sqfs", "virtio-blk", read_only=True), *own[1:]]
        memory = 512 if layout.firmware == "uefi" or layout.subvolumes else 320
        self.machine: Machine = rack.machine("golden", 9, disks=disks, memory=memory, firmware=layout.firmware)
        self._boot = "nvram" if layout.firmware == "uefi" else "disk"
        self._entries = 0
        if layout.firmware == "uefi":
            shutil.copy(OVMF / FIRMWARES["uefi"].variables, self.machine.nvram)
            self._add_entries(own)
        self.console = self.machine.console
        self.serving = False
        self.proof = "--key /run/ka.key"

    def _disks(self, rack: Rack) -> list[Disk]:
        layout = self.layout
        image = disk.copy(tiny.tiny(layout), rack.directory / "golden.img")
        if layout.mounted_here:
            with tiny.opened(image, layout, rack.directory / "mnt", read_only=False) as root:
                shutil.copy(KA_SERVER, root / "usr/sbin/ka-server")
        disks = [Disk(image, "virtio-scsi", sector=layout.sector)]
        if layout.second:
            disks.append(Disk(tiny.second_disk(layout, rack.directory / "golden2.img"), "virtio-scsi"))
        return disks

    def _add_entries(self, disks: list[Disk]) -> None:
        layout = self.layout
        (root,) = (p for p in disk.partitions(disks[0].path) if p.number == layout.root)
        self._add_entry(disks[0].path, layout.esp, root.uuid)

    def _add_entry(self, image: Path, number: int, root_uuid: str = "") -> None:
        (esp,) = (p for p in disk.table(image)["partitions"] if p["node"] == f"{image}{number}")
        loader = LOADERS[self.layout.loader]
        Nvram(self.machine.nvram).add_boot_entry(self._entries, ENTRY, number, esp["start"], esp["size"], esp["uuid"],
                                                 loader.entry, loader.entry_arguments.format(uuid=root_uuid))
        self._entries += 1

    def start(self) -> None:
        self.machine.start(self._boot)
        self._unlock()
        self.console.wait(r"root@golden:~# ", 900)
        if not self.layout.mounted_here:
            self.console.command("tftp -g -b 8192 -l /usr/sbin/ka-server -r ka-server 10.77.0.1 && "
                                 "chmod 755 /usr/sbin/ka-server")

    def _unlock(self) -> None:
        """Its disks, if it asks for that."""

    def serve(self, nodes: int, options: str = OPTIONS) -> None:
        """Types the command; returns once it waits for nodes."""
        self.serving = True
        # On a line of its own: the terminal's ^Z or ^C may stand before it.
        self.console.command(f"(umask 077; echo {KEY.strip()} > /run/ka.key)")
        self.console.type(f"ka-server -n {nodes} {options} {self.proof} --json /run/ka.json; s=$?; echo; "
                          f"echo 'ka-server: exit' status $s\n")
        self.console.wait(r"Listening on TCP|^ka-server: ")

    def interrupt(self) -> None:
        self.console.type("\x03")

    def stop(self) -> None:
        """At the terminal: the shell has its prompt again."""
        self.console.type("\x1a")
        self.exit_status()  # of the stopped job

    def kill(self) -> None:
        """SIGKILL, where it was stopped."""
        self.console.command("kill -9 %1; wait")

    def exit_status(self, limit: float = 300) -> int:
        status = int(self.console.wait(r"^ka-server: exit status (\d+)", limit).group(1))
        self.serving = False
        self.proof = "--key /run/ka.key"
        return status

    def report(self) -> dict:
        """What --json wrote."""
        return json.loads(self.console.command("cat /run/ka.json")[1])

    def outcome(self) -> dict[str, dict]:
        """The rows of the report by hardware address."""
        return {node["hardware_address"]: node for node in self.report()["nodes"]}
