"""LVM on two disks: / in two stripes, /home mirrored; /boot a plain ext4 beside."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Group, Volume
from rack.layouts import Clone

LONG = True
_TABLE = f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=40MiB, type=L\ntype=V\n"
LAYOUT = Layered("tiny-lvm-striped", (GoldenDisk(150, _TABLE), GoldenDisk(110, "type=V\n")),
                 (Group("vg0", ("1.3", "2.1"), more="--physicalextentsize 1M"),
                  Volume("vg0/root", 80, "--stripes 2 --stripesize 64"),
                  Volume("vg0/home", 40, "--type raid1 --mirrors 1 --nosync", ("dm_raid", "raid1"))),
                 {"1.2": Holds("ext4", "/boot"), "vg0/root": Holds("ext4", "/"), "vg0/home": Holds("ext4", "/home")})
CLONES = [Clone(disks=(160, 140))]
