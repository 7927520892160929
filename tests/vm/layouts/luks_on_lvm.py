"""LUKS1 on a logical volume, with /home in it; a key file in / opens it."""

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Crypt, Group, Volume
from rack.layouts import Clone

LONG = True
LAYOUT = Layered("tiny-luks-on-lvm", (GoldenDisk(180, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\ntype=V\n"),),
                 (Group("vg0", ("1.2",)), Volume("vg0/root", 110), Volume("vg0/secret", 40),
                  Crypt("home", "vg0/secret", "--type luks1 --pbkdf-force-iterations 1000", key="/etc/keys/home")),
                 {"vg0/root": Holds("ext4", "/"), "home": Holds("ext4", "/home")})
CLONES = [Clone(30, options="--luks-key /root/passphrase")]
