#!/usr/bin/env python3
"""Disks in other numbers than the golden machine has, one class a rack: make check-disks. Those of other sizes and
kinds are layouts: layout_test.py."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import compare, disk, golden, machine, sandbox, tiny  # noqa: E402
from rack.machine import Disk  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.tiny_clone import OPTIONS, TinyGolden  # noqa: E402

# What no step of a clone changes.
UNCHANGED = ("usr", "bin", "lib", "srv/data")


class OnARack(unittest.TestCase):
    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))
        self.rack.serve()
        self.golden = TinyGolden(self.rack)

    def assert_cloned(self, node: machine.Machine):
        node.console.wait(r"This machine is cloned", 600)
        node.wait_end()
        self.assertEqual(self.golden.exit_status(), 0)

    def end_golden(self):
        self.golden.console.type("poweroff\n")
        self.golden.machine.wait_end()

    def assert_same_files(self, node: machine.Machine):
        trees = []
        for one in (self.golden.machine, node):
            with disk.mounted(one.disks[0].path, tiny.MOUNTS, self.rack.directory / "mnt", False) as root:
                trees.append([compare.Tree.read(root / part) for part in UNCHANGED])
        found = [one for pair in zip(*trees, strict=True) for one in compare.differences(*pair)]
        self.assertEqual(found, [])

    def assert_starts(self, node: machine.Machine):
        node.start("disk")
        node.wait_up()
        node.cut_power()


class EarlierClone(OnARack):
    """On a second disk lies an earlier clone: refused by its name, and not a byte is written; cloned once it is blank.
    """

    OPTIONS = f"{OPTIONS} --target sda=name:vda"

    def test(self):
        blank = self.rack.blank_disk("node1", 64, "virtio-blk")
        second = self.rack.blank_disk("second", 64, "virtio-blk")
        earlier = Disk(disk.copy(self.golden.machine.disks[0].path, self.rack.directory / "earlier.img"),
                       properties="serial=OLD-1")
        node = self.rack.machine("node1", 1, disks=[blank, earlier])
        self.golden.start()
        self.golden.serve(1, self.OPTIONS)
        node.start()
        root = disk.partitions(earlier.path)[0]
        node.console.wait(rf"vdb \([^)]*serial OLD-1[^)]*\) bears disk identifier \w{{8}} \(vdb\), UUID {root.uuid} "
                          r"\(vdb1\).*: what the clone will bear, too.*unplug the other one, wipe it "
                          r"\(wipefs -a /dev/vdb\), or clone onto it as well. Nothing was written")
        node.wait_end()
        self.assertTrue(blank.is_all_zeros())
        self.golden.interrupt()
        self.assertNotEqual(self.golden.exit_status(), 0)
        self.assertIn("wipefs -a /dev/vdb", self.golden.outcome()[node.mac]["reason"])
        node.disks[1] = second
        self.golden.serve(1, self.OPTIONS)
        node.start()
        self.assert_cloned(node)
        self.assertTrue(second.is_all_zeros())
        self.assert_starts(node)


class TwoPaths(OnARack):
    """A disk that is seen over two ways is one disk: no doubt which, and no earlier clone beside itself."""

    def test(self):
        # An earlier clone is on it.
        image = disk.copy(self.golden.machine.disks[0].path, self.rack.directory / "node1.img")
        way = Disk(image, "virtio-scsi", shared=True, properties="wwn=0x5000c500a1b2c3d4,serial=LUN-7")
        node = self.rack.machine("node1", 1, disks=[way, way])
        self.golden.start()
        self.golden.serve(1)
        node.start()
        node.console.wait(r"The golden sda goes to sda \([^)]*serial LUN-7[^)]*, the same disk as sdb\)")
        self.assert_cloned(node)
        self.end_golden()
        self.assert_same_files(node)
        self.assert_starts(node)


if __name__ == "__main__":
    golden.prepare("tiny")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
