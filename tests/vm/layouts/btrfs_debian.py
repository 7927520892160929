"""Btrfs as Debian's installer has it (@rootfs), with @home, subvolumes that are mounted nowhere, and a snapshot, which
stays behind."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout
from rack.tiny_btrfs import Subvolumes

# fstab and command line name the root by number, too.
LAYOUT = Layout("tiny-btrfs.img", "gpt", 223, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=220MiB, type=L\n", "",
                root=2, root_type="btrfs", modules=("btrfs", "xxhash_generic"),
                subvolumes=Subvolumes("@rootfs", {"@home": "/home"}, ("old", "old/inside", "@rootfs/var/lib/machines"),
                                      "rootflags=subvolid=256,subvol=@rootfs", "defaults,subvolid=256,subvol=@rootfs",
                                      snapshot="snapshots/2026/snapshot", make=("--csum", "xxhash", "-O", "^no-holes")))
CLONES = [Clone(87, memory=512)]
