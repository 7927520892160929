"""/, with all that GRUB reads, on a RAID5 of three disks, whose parity is made after the first start. Starts with a
disk removed."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Raid
from rack.layouts import Clone

LONG = True
_TABLE = f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=60MiB, type=R\n"
LAYOUT = Layered("tiny-raid5", (GoldenDisk(70, _TABLE),) * 3,
                 (Raid("md0", "5", ("1.2", "2.2", "3.2"), more="--chunk=64 --layout=left-asymmetric"),),
                 {"md0": Holds("ext4", "/")})
CLONES = [Clone(disks=(80, 90, 100), starts=("disk", "without 3"))]
