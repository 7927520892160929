#!/usr/bin/env python3
"""Disks of other kinds and in other numbers than the golden machine has: one class a rack, one CTest test a class."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import compare, disk, golden, machine, sandbox, tiny  # noqa: E402
from rack.machine import Disk  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.tiny_clone import OPTIONS, TinyGolden  # noqa: E402

AS_IT_IS = OPTIONS.replace("-p sda /root/desc ", "")
# What no step of a clone changes.
UNCHANGED = ("usr", "bin", "lib", "srv/data")


class OnARack(unittest.TestCase):
    LAYOUT = tiny.DOS

    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))
        self.rack.serve()
        self.golden = TinyGolden(self.rack, self.LAYOUT)

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
            with disk.mounted(one.disks[0].path, self.LAYOUT.mounts, self.rack.directory / "mnt", False) as root:
                trees.append([compare.Tree.read(root / part) for part in UNCHANGED])
        found = [one for pair in zip(*trees, strict=True) for one in compare.differences(*pair)]
        self.assertEqual(found, [])

    def assert_starts(self, node: machine.Machine, boot: str = "disk"):
        node.start(boot)
        node.console.wait(r"system is up: (?!golden)\S+")
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


class Shrink(OnARack):
    """A golden disk onto one that is smaller than its table, and has room for its files."""

    LAYOUT = tiny.ROOMY

    def test(self):
        self.golden.start()
        self.golden.serve(1, AS_IT_IS + " --shrink")
        node = self.rack.machine("node1", 1, disks=[self.rack.blank_disk("node1", 96, "virtio-blk")]).start()
        self.assert_cloned(node)
        self.end_golden()
        ours, theirs = (disk.partitions(one.disks[0].path) for one in (self.golden.machine, node))
        self.assertEqual([(p.number, p.type, p.uuid) for p in ours], [(p.number, p.type, p.uuid) for p in theirs])
        self.assertLess(theirs[0].size, ours[0].size)
        self.assert_same_files(node)
        self.assert_starts(node)


class SdCard(OnARack):
    """Onto an SD card, which can be taken out and is cloned onto only if the server allows that."""

    LAYOUT = tiny.SD

    def test(self):
        self.golden.start()
        self.golden.serve(1, f"{OPTIONS} --allow-removable")
        card = self.rack.blank_disk("node1", 64, "sd-card")
        node = self.rack.machine("node1", 1, disks=[card]).start()
        node.console.wait(r"The golden sda goes to mmcblk0 \(")
        self.assert_cloned(node)
        self.end_golden()
        self.assert_same_files(node)
        self.assert_starts(node)


class To4Kn(OnARack):
    """Sectors of 512 bytes, cloned onto a disk of 4096-byte ones: the EFI system partition grows to what FAT32 needs
    there, and ext4 gets larger blocks."""

    LAYOUT = tiny.UEFI_512
    MIB, SECTOR, LEAST_ESP = 400, 4096, 65525 * 4096

    def test(self):
        self.golden.start()
        self.golden.serve(1, AS_IT_IS)
        blank = self.rack.blank_disk("node1", self.MIB, "virtio-blk")
        blank.sector = self.SECTOR
        node = self.rack.machine("node1", 1, disks=[blank], firmware="uefi").start()
        self.assert_cloned(node)
        self.end_golden()
        self.assertEqual(disk.sector_of(blank.path), self.SECTOR)
        ours, theirs = (disk.table(one.disks[0].path) for one in (self.golden.machine, node))
        self.assertEqual(ours["id"], theirs["id"])
        kept = [[(p["type"], p["uuid"], p.get("name")) for p in one["partitions"]] for one in (ours, theirs)]
        self.assertEqual(*kept)
        ours, theirs = (disk.partitions(one.disks[0].path) for one in (self.golden.machine, node))
        self.assertEqual([(p.uuid, p.file_system, p.label) for p in ours],
                         [(p.uuid, p.file_system, p.label) for p in theirs])
        for partition in theirs:
            self.assertEqual(partition.offset % (1 << 20), 0)
        self.assertGreaterEqual(theirs[0].size, self.LEAST_ESP)
        esps = []
        for one in (self.golden.machine, node):
            folder = disk.fat_files(one.disks[0].path, self.LAYOUT.esp, self.rack.directory / f"{one.name}.esp")
            esps.append({str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*")
                         if file.is_file()})
        before, after = esps
        self.assertEqual({name: after.get(name) for name in before}, before)
        self.assert_same_files(node)
        self.assert_starts(node, "nvram")


class From4Kn(To4Kn):
    """The other way round: whole, and as it was."""

    LAYOUT = tiny.UEFI_4096
    MIB, SECTOR, LEAST_ESP = 350, 512, 0


GOLDEN = {"EarlierClone": "tiny", "TwoPaths": "tiny", "Shrink": "tiny-roomy", "To4Kn": "tiny-uefi-512",
          "From4Kn": "tiny-uefi-4096", "SdCard": "tiny-sd"}

if __name__ == "__main__":
    golden.prepare(*(GOLDEN[name] for name in sys.argv[1:] or GOLDEN))
    sandbox.enter()
    sandbox.need(*machine.programs(), "mcopy")
    unittest.main(verbosity=2)
