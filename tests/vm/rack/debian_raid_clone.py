"""The main job with a Debian 12 on RAID1 and LVM (rack.debian12_raid): onto pairs of disks of other sizes."""

import contextlib
from pathlib import Path
from typing import Iterator

from . import debian12_raid, disk, golden
from .debian12_raid import LAYOUT
from .debian_clone import Blank, DebianClone, Failed, Node, System
from .firmware import FIRMWARES
from .layers import Raid, device
from .machine import Disk, Machine
from .nvram import Nvram
from .sandbox import run

# Each pair: on which controller, and its disks in MiB. KA comes to the golden machine on a disk, vda.
PAIRS = (("ahci", (3300, 3700)), ("nvme", (4200, 3200)))
SYSTEM = System(debian12_raid.debian12_raid, 0, {}, "-X vda", tuple(Blank(one) for one, _ in PAIRS),
                firmware="uefi", memory=1024, esp=1, rebuilds="update-initramfs")


class DebianRaidClone(DebianClone):
    def build(self) -> None:
        self.say("Two copies of the golden disks, KA beside them, two pairs of blank disks")
        directory, system = self.rack.directory, self.system
        images = [disk.copy(image, directory / f"golden{number}.img") for number, image in
                  enumerate(sorted(system.image().glob("*.img")), start=1)]
        parts = {"memory": system.memory, "firmware": system.firmware}
        disks = [*(Disk(image, "virtio-scsi") for image in images), Disk(self._packed(), "virtio-blk", read_only=True)]
        self.golden = self.rack.machine("golden", 9, disks=disks, **parts)
        self._add_boot_entries(images)
        for number, (controller, sizes) in enumerate(PAIRS, start=1):
            blank = [self.rack.blank_disk(f"node{number}-{place}", mib, controller)
                     for place, mib in enumerate(sizes, start=1)]
            machine = self.rack.machine(f"node{number}", number, disks=blank, **parts)
            self.nodes.append(Node(machine, controller))

    def _packed(self) -> Path:
        """What make install puts onto a machine."""
        tree, archive = self.rack.directory / "installed", self.rack.directory / "ka.img"
        golden.install(tree)
        run("tar", "--create", "--file", archive, "--directory", tree, "--owner=0", "--group=0", "usr", "etc")
        run("rm", "-r", tree)
        return archive

    def _add_boot_entries(self, images: list[Path]) -> None:
        """As an administrator has them for a machine that is to start from either disk."""
        FIRMWARES[self.golden.firmware].arguments(self.golden.nvram)  # makes it
        for number, image in reversed(list(enumerate(images))):
            (esp,) = (one for one in disk.partitions(image) if one.number == self.system.esp)
            Nvram(self.golden.nvram).add_boot_entry(number, f"debian {number + 1}", esp.number, esp.offset // 512,
                                                    esp.size // 512, esp.guid, "\\EFI\\debian\\shimx64.efi")

    def _install(self) -> None:
        status, output = self.golden.console.command("tar -xf /dev/vda -C / && sync")
        if status:
            raise Failed(f"KA was not installed: {output}")

    @contextlib.contextmanager
    def _opened(self, machine: Machine, read_only: bool = True) -> Iterator[Path]:
        folder = self.rack.directory / f"{machine.name}.flat"
        debian12_raid.flatten([one.path for one in machine.disks if not one.read_only], folder)
        with debian12_raid.mounted(folder, folder / "mnt") as root:
            yield root
        run("rm", "-r", folder)

    @property
    def _esps(self) -> list[int]:
        return [0, 1]

    def _compare_tables(self, node: Node) -> None:
        for ours, theirs in zip(self.golden.disks[:2], node.machine.disks, strict=True):
            tables = [[(p.number, p.type, p.guid, p.file_system) for p in disk.partitions(one.path)]
                      for one in (ours, theirs)]
            if tables[0] != tables[1]:
                raise Failed(f"{node.machine.name}: the table {tables[0]} became {tables[1]}")

    def _uuids(self) -> dict[str, str]:
        return {holds.point or "swap": LAYOUT.fs_uuid(name) for name, holds in LAYOUT.holds.items()}

    def _look(self, node: Node) -> None:
        """The arrays have all legs that are there, and nothing is synced."""
        console = node.machine.console
        wanted = "clean" if len(node.machine.disks) == 2 else "clean, degraded"
        for raid in LAYOUT.some(Raid):
            detail = console.command(f"udevadm settle; mdadm --detail --test {device(raid.name)}")[1]
            state = next((line.split(" : ")[1].strip() for line in detail.splitlines() if "State :" in line), detail)
            if state.replace("active", "clean") != wanted:
                raise Failed(f"{node.machine.name}: {raid.name} is {state}, not {wanted}")
        kinds = " ".join(sorted(console.command("lvs --noheadings -o lv_name,segtype")[1].split()))
        if kinds != "home linear linear linear pool root swap thin thin-pool var":
            raise Failed(f"{node.machine.name}: its volumes are {kinds}")

    def boot_without(self, number: int) -> None:
        """Both clones start from what is on their other disk."""
        self.say(f"Disk {number} of both clones is removed")
        whole = [node.machine.disks for node in self.nodes]
        for node, disks in zip(self.nodes, whole):
            node.machine.disks = [one for place, one in enumerate(disks, start=1) if place != number]
        self.boot_clones()
        for node, disks in zip(self.nodes, whole):
            node.machine.disks = disks
