"""/ on one disk, /home on another."""

from rack.contents import Content
from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout, SecondDisk

LONG = True
_UUID = "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a05"
_HOME = Content("ext4", "/home", 30, _UUID, ("mke2fs", "-q", "-t", "ext4", "-L", "home", "-U", _UUID))
LAYOUT = Layout("tiny-two.img", "gpt", 62, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                "size=50MiB, type=L\n", "", root=3, swap=2,
                second=SecondDisk(40, "start=1MiB, size=30MiB, type=L, name=home\n", (_HOME,)))
CLONES = [Clone(controller="virtio-scsi")]
