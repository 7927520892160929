"""An MBR with ext4 twice as large as what is in it, onto a disk that is smaller than the table."""

from dataclasses import replace

from rack import disk
from rack.layouts import Clone
from rack.tiny import DOS

LONG = True
LAYOUT = replace(DOS, image="tiny-roomy.img", size_mib=128, table=DOS.table.replace("50MiB", "120MiB"))
CLONES = [Clone(-32, options="--shrink")]


def check(test):
    golden, clone = (disk.partitions(one.disks[0].path) for one in (test.golden.machine, test.nodes[0][1]))
    test.assertLess(clone[0].size, golden[0].size)
