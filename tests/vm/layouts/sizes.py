"""ext4 as / last on the disk; onto a smaller disk, and onto a larger one."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-sizes.img", "gpt", 208, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                "size=199MiB, type=L\n", "", root=3, swap=2)
CLONES = [Clone(-140), Clone(4000)]
