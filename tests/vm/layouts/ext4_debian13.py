"""/ is an ext4 with what Debian 13 turns on and Debian 12 does not: orphan_file, metadata_csum_seed."""

from rack.disk import BIOS_BOOT
from rack.layouts import Clone
from rack.sandbox import run
from rack.tiny import Layout

LONG = True
LAYOUT = Layout("tiny-ext4.img", "gpt", 62, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\nsize=6MiB, type=S\n"
                "size=50MiB, type=L\n", "", root=3, swap=2, format=("-O", "orphan_file,metadata_csum_seed"))
CLONES = [Clone(20)]


def check(test):
    golden, clone = (_features(one.disks[0].path) for one in (test.golden.machine, test.nodes[0][1]))
    test.assertLessEqual({"orphan_file", "metadata_csum_seed"}, golden)
    test.assertEqual(golden, clone)


def _features(image) -> set[str]:
    found = run("dumpe2fs", "-h", f"{image}?offset={8 << 20}").partition("Filesystem features:")[2]
    return set(found.splitlines()[0].split()) - {"needs_recovery", "orphan_present"}
