"""LVM on a partition and on a whole disk: / with all that GRUB reads, a /var that is on both, swap; the names have
dashes, and a tag is on the root."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Group, Volume
from rack.layouts import Clone

LONG = True
_GROUP = "golden-vg"
LAYOUT = Layered("tiny-lvm-linear", (GoldenDisk(140, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\ntype=V\n"),
                                     GoldenDisk(60)),
                 (Group(_GROUP, ("1.2", "2"), more="--addtag rack"), Volume(f"{_GROUP}/root", 100, "--addtag boots"),
                  Volume(f"{_GROUP}/var-lib", 70), Volume(f"{_GROUP}/swap_1", 8)),
                 {f"{_GROUP}/root": Holds("ext4", "/"), f"{_GROUP}/var-lib": Holds("ext4", "/var"),
                  f"{_GROUP}/swap_1": Holds("swap")})
CLONES = [Clone(disks=(150, 80))]
