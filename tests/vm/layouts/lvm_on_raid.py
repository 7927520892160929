"""UEFI, two disks: an EFI system partition on both (RAID1 with metadata 1.0), and LVM on a RAID1 with /, /var and swap.
Starts by the entry in NVRAM, and with either disk removed."""

from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Group, Raid, Volume
from rack.layouts import Clone

_TABLE = "start=1MiB, size=20MiB, type=U\nsize=150MiB, type=R\n"
LAYOUT = Layered("tiny-lvm-on-raid", (GoldenDisk(180, _TABLE),) * 2,
                 (Raid("md0", "1", ("1.1", "2.1"), metadata="1.0"), Raid("md1", "1", ("1.2", "2.2")),
                  Group("vg0", ("md1",)), Volume("vg0/root", 90), Volume("vg0/var", 20), Volume("vg0/swap", 8)),
                 {"md0": Holds("vfat", "/boot/efi"), "vg0/root": Holds("ext4", "/"), "vg0/var": Holds("ext4", "/var"),
                  "vg0/swap": Holds("swap")}, loader="shim")
CLONES = [Clone(disks=(190, 250), controller="ahci", starts=("entry", "without 1", "without 2"))]
