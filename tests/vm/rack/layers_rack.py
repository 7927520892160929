"""A golden machine of layers for the tests that are about what goes wrong: / on LVM on RAID1, /secret in LUKS on that,
and /home on LVM on a disk of its own."""

import re

from .disk import BIOS_BOOT
from .layered import GoldenDisk, Holds, Layered
from .layered_run import LayeredGolden, LayeredLook
from .layers import Crypt, Group, Raid, Volume
from .machine import Disk, Machine
from .rack import Rack
from .tiny_clone import AS_IT_IS
from .tiny_loaders import LOADERS

TABLE = f"start=1MiB, size=1MiB, type={BIOS_BOOT}\ntype=R\n"
LAYOUT = Layered(
    "tiny-layers", (GoldenDisk(150, TABLE), GoldenDisk(150, TABLE), GoldenDisk(50)),
    (Raid("md0", "1", ("1.2", "2.2")), Group("vg0", ("md0",)), Volume("vg0/root", 100), Volume("vg0/swap", 8),
     Volume("vg0/secret", 24),
     Crypt("secret", "vg0/secret", "--type luks1 --pbkdf-force-iterations 1000", key="/etc/keys/secret"),
     Group("data-vg", ("3",)), Volume("data-vg/home", 40)),
    {"vg0/root": Holds("ext4", "/"), "vg0/swap": Holds("swap"), "secret": Holds("ext4", "/secret"),
     "data-vg/home": Holds("ext4", "/home")})

SIZES = (160, 170, 60)  # of a node's disks, in MiB
SERIALS = ("LEG-1", "LEG-2", "HOME")
KEY = "--luks-key /root/passphrase"


class OnARack(LayeredLook):
    """With the golden machine up."""
    layout = LAYOUT

    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))
        self.rack.serve()
        self.golden = LayeredGolden(self.rack, LAYOUT)
        self.golden.start()
        self.options = " ".join([AS_IT_IS, LOADERS["grub"].options, *self._targets()])

    def _targets(self) -> list[str]:
        """By their sizes: the kernel names disks of several controllers as it finds them."""
        _, listed = self.golden.console.command("grep . /sys/block/sd?/size")
        sizes = dict(re.findall(r"/(sd\w)/size:(\d+)", listed))
        disks = sorted(sizes, key=lambda disk: (-int(sizes[disk]), disk))
        return [f"--target {disk}=serial:{serial}" for disk, serial in zip(disks, SERIALS, strict=True)]

    def node(self, number: int, controller: str = "virtio-blk", more: tuple[Disk, ...] = ()) -> Machine:
        """A machine with a disk for each golden one, and more."""
        name = f"node{number}"
        disks = [self.rack.blank_disk(f"{name}-{serial}", mib, controller) for mib, serial in zip(SIZES, SERIALS)]
        for disk, serial in zip(disks, SERIALS):
            disk.properties = f"serial={serial}"
        return self.rack.machine(name, number, disks=[*disks, *more], memory=320)

    def assert_cloned(self, node: Machine) -> None:
        node.console.wait(r"This machine is cloned", 600)
        node.wait_end()

    def assert_equal_and_starts(self, node: Machine) -> None:
        """It goes on running."""
        before = self.seen(self.golden.console)
        node.start("disk")
        node.wait_up()
        self.assertEqual(self.seen(node.console), before)

    def assert_failed(self, node: Machine, reason: str) -> None:
        """Once the server has ended."""
        row = self.golden.outcome()[node.mac]
        self.assertEqual(row["result"], "failed")
        self.assertRegex(row["reason"], reason)
