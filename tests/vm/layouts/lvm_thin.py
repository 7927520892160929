"""LVM with a thin pool, in which /home is larger than the pool; / beside it, with all that GRUB reads."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Group, Pool, Thin, Volume
from rack.layouts import Clone

LONG = True
LAYOUT = Layered("tiny-lvm-thin", (GoldenDisk(240, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\ntype=V\n"),),
                 (Group("vg0", ("1.2",)), Volume("vg0/root", 100), Pool("vg0/pool", 60),
                  Thin("vg0/home", 120, pool="vg0/pool")),
                 {"vg0/root": Holds("ext4", "/"), "vg0/home": Holds("ext4", "/home")})
CLONES = [Clone(60)]
