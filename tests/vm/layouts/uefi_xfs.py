"""UEFI, shim and GRUB; / is an XFS. Onto NVMe."""

from rack import layouts
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-uefi-xfs.img", "gpt", 350, "start=1MiB, size=20MiB, type=U\nsize=6MiB, type=S\n"
                "size=320MiB, type=L\n", "", root=3, swap=2, esp=1, loader="shim", root_type="xfs",
                modules=("xfs", *layouts.load("uefi").LAYOUT.modules))
CLONES = [Clone(40, "nvme", starts=("entry",))]
