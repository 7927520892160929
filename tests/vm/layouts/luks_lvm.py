"""LVM in LUKS2 (Argon2id), as Debian's installer has it: XFS / and swap; /boot is a plain ext4. Each clone has a master
key of its own, and asks for the passphrase at its console."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Crypt, Group, Volume
from rack.layouts import Clone

LONG = True
_TABLE = f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=50MiB, type=L\nsize=365MiB, type=L\n"
LAYOUT = Layered("tiny-luks-lvm", (GoldenDisk(420, _TABLE),),
                 (Crypt("sda3_crypt", "1.3"), Group("golden-vg", ("sda3_crypt",)), Volume("golden-vg/root", 320),
                  Volume("golden-vg/swap_1", 8)),
                 {"1.2": Holds("ext4", "/boot"), "golden-vg/root": Holds("xfs", "/"),
                  "golden-vg/swap_1": Holds("swap")})
_KEY = "--luks-key /root/passphrase"
CLONES = [Clone(20, options=_KEY, memory=512), Clone(60, "ahci", options=_KEY, memory=512)]
