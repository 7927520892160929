"""/, /boot and swap on RAID1 of two disks, GRUB for a BIOS on both. Starts with either disk removed."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Raid
from rack.layouts import Clone

LONG = True
_TABLE = f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=50MiB, type=R\nsize=90MiB, type=R\nsize=10MiB, type=R\n"
LAYOUT = Layered("tiny-raid1", (GoldenDisk(160, _TABLE),) * 2,
                 tuple(Raid(f"md{n}", "1", (f"1.{n + 2}", f"2.{n + 2}")) for n in range(3)),
                 {"md0": Holds("ext4", "/boot"), "md1": Holds("ext4", "/"), "md2": Holds("swap")})
CLONES = [Clone(disks=(200, 240), starts=("disk", "without 1", "without 2"))]
