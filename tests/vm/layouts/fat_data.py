"""A FAT with data in a partition as Windows makes it, beside ext4."""

from rack import contents
from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
_FAT = tuple(one for one in contents.KINDS if one.file_system == "vfat")
LAYOUT = Layout("tiny-fat.img", "gpt", 94, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                f"size={_FAT[0].mib}MiB, type={_FAT[0].type}\nsize=50MiB, type=L\n", "", root=4, swap=2, extra=_FAT,
                modules=("vfat", "nls_cp437", "nls_ascii", "nls_utf8"))
CLONES = [Clone(20)]
