"""LVM onto a larger disk, which leaves room in the group, and onto a smaller one."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Group, Volume
from rack.layouts import Clone

LONG = True
SIZES_DIFFER = True
LAYOUT = Layered("tiny-lvm-sizes", (GoldenDisk(300, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\ntype=V\n"),),
                 (Group("vg0", ("1.2",)), Volume("vg0/root", 160), Volume("vg0/home", 120)),
                 {"vg0/root": Holds("ext4", "/"), "vg0/home": Holds("ext4", "/home")})
CLONES = [Clone(400), Clone(-90, options="--shrink")]
