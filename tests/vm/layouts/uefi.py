"""An EFI system partition as Debian has it (shim and GRUB, both signed); onto AHCI. Starts by the entry in NVRAM, and
again after NVRAM was lost."""

from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-uefi.img", "gpt", 92,
                'partition1: start=1MiB, size=20MiB, type=U, name="EFI System Partition"\n'
                "partition2: size=6MiB, type=S\n"
                "partition3: size=60MiB, type=L\n",
                "1: efi 20\n2: swap 6\n3: linux fill\n", root=3, swap=2, esp=1, loader="shim",
                modules=("nvme", "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "efivarfs"))
CLONES = [Clone(0, "ahci", by_desc=True, starts=("entry", "lost"))]
