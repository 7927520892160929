"""UEFI, sectors of 4096 bytes onto 512-byte ones."""

from dataclasses import replace

from rack import disk, layouts
from rack.layouts import Clone

LONG = True
_UEFI = layouts.load("uefi").LAYOUT
LAYOUT = replace(_UEFI, image="tiny-uefi-4096.img", size_mib=340, esp_format=("-F", "32", "-s", "1"), sector=4096,
                 table=_UEFI.table.replace("20MiB", "260MiB"), format=("-b", "4096"))
CLONES = [Clone(10, starts=("entry",))]


def check(test):
    there = disk.partitions(test.nodes[0][1].disks[0].path)
    test.assertEqual([one.offset % (1 << 20) for one in there], [0] * len(there))
