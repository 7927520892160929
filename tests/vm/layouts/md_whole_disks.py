"""/ on a plain disk, which is said, and /home on two that have no table: a RAID1 with metadata 1.0, at the end."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Raid
from rack.layouts import Clone

LONG = True
_TABLE = f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=8MiB, type=S\nsize=90MiB, type=L\n"
LAYOUT = Layered("tiny-md-whole", (GoldenDisk(110, _TABLE), GoldenDisk(60), GoldenDisk(60)),
                 (Raid("md0", "1", ("2", "3"), metadata="1.0"),),
                 {"1.3": Holds("ext4", "/"), "1.2": Holds("swap"), "md0": Holds("ext4", "/home")})
CLONES = [Clone(disks=(120, 70, 64), options="--target $(cat /root/its-disk)=name:vda", starts=("disk", "without 2"))]


def prepare(run, console):
    """What the kernel calls the disk of / differs from start to start."""
    command = "lsblk -nro PKNAME,MOUNTPOINT | sed -n 's: /$::p' > /root/its-disk; grep sd /root/its-disk"
    run.assertEqual(console.command(command)[0], 0)
