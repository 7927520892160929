"""/ is an XFS with what GRUB for a BIOS could read long ago. As it is, and by its desc."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
# With a log of the least that mkfs.xfs makes.
LAYOUT = Layout("tiny-xfs.img", "gpt", 330, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                "size=320MiB, type=L\n", "1: bios 1\n2: swap 6\n3: linux fill\n", root=3, swap=2, modules=("xfs",),
                root_type="xfs")
CLONES = [Clone(34), Clone(18, by_desc=True)]
