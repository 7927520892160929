"""The tiny golden machine at work: boots, serves, is asked how it went."""

import json
import shutil
from pathlib import Path

from . import disk, tiny
from .firmware import FIRMWARES, OVMF
from .golden import ROOT
from .machine import Disk, Machine
from .nvram import Nvram
from .rack import KA_SERVER, Rack

# Stage2 is a disk of its own (vda), which no clone needs.
OPTIONS = "-p sda /root/desc -X vda -x /srv/excluded -r grub"

ENTRY = "the golden one"  # in its NVRAM; BOOTX64.CSV says another


class TinyGolden:
    def __init__(self, rack: Rack, layout: tiny.Layout = tiny.DOS):
        image = disk.copy(tiny.tiny(layout), rack.directory / "golden.img")
        with disk.mounted(image, layout.mounts, rack.directory / "mnt", read_only=False) as root:
            shutil.copy(KA_SERVER, root / "usr/sbin/ka-server")
        stage2 = Disk(ROOT / "build/rescue.sqfs", "virtio-blk", read_only=True)
        first = Disk(image, "virtio-scsi", sector=layout.sector)
        self.machine: Machine = rack.machine("golden", 9, disks=[first, stage2],
                                             memory=512 if layout.esp else 320, firmware=layout.firmware)
        self._boot = "nvram" if layout.esp else "disk"
        if layout.esp:
            self._add_entry(image, layout.esp)
        self.console = self.machine.console
        self.serving = False

    def _add_entry(self, image: Path, number: int) -> None:
        shutil.copy(OVMF / FIRMWARES["uefi"].variables, self.machine.nvram)
        (esp,) = (p for p in disk.table(image)["partitions"] if p["node"] == f"{image}{number}")
        Nvram(self.machine.nvram).add_boot_entry(0, ENTRY, number, esp["start"], esp["size"], esp["uuid"],
                                                 "\\EFI\\debian\\shimx64.efi")

    def start(self) -> None:
        self.machine.start(self._boot)
        self.console.wait(r"root@golden:~# ")

    def serve(self, nodes: int, options: str = OPTIONS) -> None:
        """Types the command; returns once it waits for nodes."""
        self.serving = True
        # On a line of its own: the terminal's ^Z or ^C may stand before it.
        self.console.type(f"ka-server -n {nodes} {options} --json /run/ka.json; s=$?; echo; echo 'ka-server: exit' "
                          f"status $s\n")
        self.console.wait(r"Listening on TCP|^ka-server: ")

    def interrupt(self) -> None:
        self.console.type("\x03")

    def kill(self) -> None:
        """SIGKILL: stopped at the terminal, then killed by the shell."""
        self.console.type("\x1a")
        self.exit_status()  # of the stopped job
        self.console.command("kill -9 %1; wait")

    def exit_status(self, limit: float = 300) -> int:
        status = int(self.console.wait(r"^ka-server: exit status (\d+)", limit).group(1))
        self.serving = False
        return status

    def report(self) -> dict:
        """What --json wrote."""
        return json.loads(self.console.command("cat /run/ka.json")[1])

    def outcome(self) -> dict[str, dict]:
        """The rows of the report by hardware address."""
        return {node["hardware_address"]: node for node in self.report()["nodes"]}
