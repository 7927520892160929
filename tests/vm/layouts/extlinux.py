"""An MBR with ext4 and swap, and extlinux, whose second stage and boot code are made anew on another disk."""

from rack.layouts import Clone
from rack.tiny import DOS, Layout

# What extlinux of that age does not read, or not beyond a few blocks (extents).
LAYOUT = Layout("tiny-extlinux.img", "dos", 58, DOS.table, DOS.desc, root=1, swap=2, loader="extlinux",
                format=("-O", "^64bit,^metadata_csum,^extent"))
CLONES = [Clone(6, by_desc=True)]
