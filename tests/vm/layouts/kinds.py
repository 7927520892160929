"""A file system of each kind beside / (XFS, FAT, JFS, ReiserFS, F2FS, exFAT), none as its newest program would make
it."""

from rack import contents
from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

_ROOT = 3 + len(contents.KINDS)
LAYOUT = Layout("tiny-kinds.img", "gpt", 62 + contents.size_mib(contents.KINDS),
                f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n" +
                "".join(f"size={c.mib}MiB, type={c.type}\n" for c in contents.KINDS) + 'type=L, name="the root"\n',
                "", root=_ROOT, swap=2, extra=contents.KINDS, modules=contents.MODULES)
CLONES = [Clone(40, memory=512)]
