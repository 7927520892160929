"""/ on a RAID10 of four disks, with a bitmap, swap on another one in the far layout. Starts with a disk removed."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Raid
from rack.layouts import Clone

LONG = True
_TABLE = f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=50MiB, type=R\nsize=8MiB, type=R\n"
LAYOUT = Layered("tiny-raid10", (GoldenDisk(64, _TABLE),) * 4,
                 (Raid("md0", "10", ("1.2", "2.2", "3.2", "4.2"), more="--bitmap=internal"),
                  Raid("md1", "10", ("1.3", "2.3", "3.3", "4.3"), more="--layout=f2")),
                 {"md0": Holds("ext4", "/"), "md1": Holds("swap")})
CLONES = [Clone(disks=(64, 80, 72, 100), starts=("disk", "without 2"))]
