"""/ is a ReiserFS, and all that GRUB reads lies on it."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-reiserfs.img", "gpt", 99, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                "size=90MiB, type=L\n", "", root=3, swap=2, root_type="reiserfs", modules=("reiserfs",))
CLONES = [Clone(40)]
