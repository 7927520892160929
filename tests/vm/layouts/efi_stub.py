"""No boot loader: the entry in NVRAM names the kernel, with its arguments and its initrd."""

from rack import layouts
from rack.layouts import Clone
from rack.tiny import Layout

LAYOUT = Layout("tiny-stub.img", "gpt", 102, "start=1MiB, size=40MiB, type=U\nsize=6MiB, type=S\n"
                "size=50MiB, type=L\n", "", root=3, swap=2, esp=1, loader="stub",
                modules=layouts.load("uefi").LAYOUT.modules)
CLONES = [Clone(20, "ahci", starts=("entry",),
                boots=r'"vmlinuz\.efi", /boot/efi/EFI/golden/vmlinuz\.efi, /boot/efi/EFI/golden/initrd')]
