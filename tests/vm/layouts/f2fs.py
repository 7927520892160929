"""/ is an F2FS, and all that GRUB reads lies on it."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-f2fs.img", "gpt", 129, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                "size=120MiB, type=L\n", "", root=3, swap=2, root_type="f2fs", modules=("f2fs", "crc32_generic"))
CLONES = [Clone(40)]
