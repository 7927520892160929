"""A GPT with a BIOS boot partition; numbers that are not in the order of the disk, a name with a blank, an attribute,
ext4 as / last. As it is, and by its desc."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-gpt.img", "gpt", 62,
                f'partition3: start=1MiB, size=1MiB, type={BIOS_BOOT}, attrs="RequiredPartition"\n'
                'partition2: size=6MiB, type=S\n'
                'partition5: size=50MiB, type=L, name="the root", attrs="GUID:60"\n',
                "3: bios 1\n2: swap 6\n5: linux fill\n", root=5, swap=2)
CLONES = [Clone(34), Clone(18, by_desc=True)]
