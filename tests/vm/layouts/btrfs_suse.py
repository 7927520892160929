"""Btrfs as openSUSE has it: / is a snapshot that nothing but the default subvolume names; /var is never copied on
write."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout
from rack.tiny_btrfs import Subvolumes

LONG = True
LAYOUT = Layout("tiny-suse.img", "gpt", 223, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=220MiB, type=L\n", "",
                root=2, root_type="btrfs", modules=("btrfs",),
                subvolumes=Subvolumes("@/.snapshots/1/snapshot",
                                      {"@/.snapshots": "/.snapshots", "@/var": "/var", "@/home": "/home",
                                       "@/boot/grub2/i386-pc": "/boot/grub2/i386-pc"}, ("@",), by_default=True,
                                      snapshot="@/.snapshots/2/snapshot"))
CLONES = [Clone(87, memory=512)]
