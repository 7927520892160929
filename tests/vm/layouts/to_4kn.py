"""UEFI, sectors of 512 bytes onto 4096-byte ones: the EFI system partition grows to what FAT32 needs there, and ext4
gets larger blocks."""

from dataclasses import replace

from rack import disk, layouts
from rack.layouts import Clone

LONG = True
_UEFI = layouts.load("uefi").LAYOUT
# A FAT32 as it is, which on 4096-byte sectors has too few clusters; ext4 in blocks of 1024 bytes.
LAYOUT = replace(_UEFI, image="tiny-uefi-512.img", size_mib=110, esp_format=("-F", "32", "-s", "1"),
                 table=_UEFI.table.replace("20MiB", "36MiB"))
CLONES = [Clone(290, sector=4096, starts=("entry",))]


def check(test):
    there = disk.partitions(test.nodes[0][1].disks[0].path)
    test.assertGreaterEqual(there[0].size, 65525 * 4096)
    test.assertEqual([one.offset % (1 << 20) for one in there], [0] * len(there))
