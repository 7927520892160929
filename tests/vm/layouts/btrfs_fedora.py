"""Btrfs as Fedora has it: subvolumes root and home, and an ext4 as /boot."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout
from rack.tiny_btrfs import Subvolumes

LONG = True
LAYOUT = Layout("tiny-fedora.img", "gpt", 263, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=40MiB, type=L\n"
                "size=220MiB, type=L\n", "", root=3, boot=2, root_type="btrfs", modules=("btrfs",),
                subvolumes=Subvolumes("root", {"home": "/home"}, cmdline="rootflags=subvol=root",
                                      root_options="subvol=root,compress=zstd:1"))
CLONES = [Clone(87, memory=512)]
