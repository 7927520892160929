"""systemd-boot: entries and kernels on the EFI system partition, its random seed renewed. Starts by the entry in NVRAM,
and again after NVRAM was lost."""

from rack import layouts
from rack.layouts import Clone
from rack.tiny import Layout

_ID = "0123456789abcdef0123456789abcdef"  # of the golden machine
LAYOUT = Layout("tiny-systemd-boot.img", "gpt", 102, "start=1MiB, size=40MiB, type=U\nsize=6MiB, type=S\n"
                "size=50MiB, type=L\n", "", root=3, swap=2, esp=1, loader="systemd-boot",
                modules=layouts.load("uefi").LAYOUT.modules)
CLONES = [Clone(20, "ahci", starts=("entry", "lost"),
                boots=f'"golden", /boot/efi/{_ID}/linux, /boot/efi/{_ID}/initrd')]
