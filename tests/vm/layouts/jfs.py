"""/ is a JFS, and all that GRUB reads lies on it."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-jfs.img", "gpt", 73, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                "size=64MiB, type=L\n", "", root=3, swap=2, root_type="jfs", modules=("jfs",))
CLONES = [Clone(40)]
