"""/, with all that GRUB reads, on a RAID0 of two disks; swap on one of the linear kind."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Raid
from rack.layouts import Clone

LONG = True
_TABLE = "start=1MiB, size=1MiB, type={}\nsize=60MiB, type=R\nsize=8MiB, type=R\n"
LAYOUT = Layered("tiny-raid0", (GoldenDisk(80, _TABLE.format(BIOS_BOOT)), GoldenDisk(80, _TABLE.format("L"))),
                 (Raid("md0", "0", ("1.2", "2.2"), more="--chunk=64"), Raid("md1", "linear", ("1.3", "2.3"))),
                 {"md0": Holds("ext4", "/"), "md1": Holds("swap")})
CLONES = [Clone(disks=(90, 120))]
