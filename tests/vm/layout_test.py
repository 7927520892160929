#!/usr/bin/env python3
"""Golden disks that are divided in other ways: one class a layout, one CTest test a class. Each clone has all files,
the same table, and starts from its own disk."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import compare, disk, golden, machine, sandbox, tiny  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.sandbox import run  # noqa: E402
from rack.tiny_clone import OPTIONS, TinyGolden  # noqa: E402


def table(image: Path) -> dict:
    return json.loads(run("sfdisk", "--json", image))["partitiontable"]


class GptBios(unittest.TestCase):
    """A GPT with a BIOS boot partition on machines that start by BIOS: as it is, on a larger disk; and by its desc."""

    LAYOUT = tiny.GPT
    # What of a partition is the same whatever the disk.
    KEPT = ("type", "uuid", "name", "attrs")

    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))

    def test(self):
        self.rack.serve()
        server = TinyGolden(self.rack, self.LAYOUT)
        server.start()
        as_it_is = self._clone(server, 1, self.LAYOUT.size_mib + 34, OPTIONS.replace("-p sda /root/desc ", ""))
        by_desc = self._clone(server, 2, self.LAYOUT.size_mib + 18, OPTIONS)
        server.console.type("poweroff\n")
        server.machine.wait_end()
        for node in (as_it_is, by_desc):
            self._assert_same_table(server.machine, node)
            self.assertEqual(self._differences(server.machine, node), [])
            node.start("disk")
            node.console.wait(r"system is up: (?!golden)\S+")
            node.cut_power()
        ours, theirs = (table(one.disks[0].path)["partitions"] for one in (server.machine, as_it_is))
        self.assertEqual([p["start"] for p in ours], [p["start"] for p in theirs])
        self.assertGreater(theirs[-1]["size"], ours[-1]["size"], "the last partition did not fill the larger disk")

    def _clone(self, server: TinyGolden, number: int, mib: int, options: str) -> machine.Machine:
        server.serve(1, options)
        name = f"node{number}"
        node = self.rack.machine(name, number, disks=[self.rack.blank_disk(name, mib, "virtio-blk")]).start()
        node.console.wait(r'This clone will boot: "golden", /boot/vmlinuz, /boot/initrd, root sda\d:fs')
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertEqual(server.exit_status(), 0)
        return node

    def _assert_same_table(self, golden: machine.Machine, clone: machine.Machine):
        ours, theirs = (table(one.disks[0].path) for one in (golden, clone))
        for field in ("label", "id"):
            self.assertEqual(ours[field], theirs[field])
        kept = [[{name: p.get(name) for name in self.KEPT} for p in one["partitions"]] for one in (ours, theirs)]
        self.assertEqual(*kept)

    def _differences(self, golden: machine.Machine, clone: machine.Machine) -> list:
        trees = []
        for one in (golden, clone):
            with disk.mounted(one.disks[0].path, self.LAYOUT.mounts, self.rack.directory / "mnt", False) as root:
                # What no step of a clone changes.
                trees.append([compare.Tree.read(root / part) for part in ("usr", "bin", "lib", "srv/data")])
        return [found for pair in zip(*trees, strict=True) for found in compare.differences(*pair)]


class Extlinux(unittest.TestCase):
    """A machine that starts by extlinux: its second stage and its boot code are made anew on another disk."""

    def test(self):
        rack = self.enterContext(Rack(type(self).__name__))
        rack.serve()
        server = TinyGolden(rack, tiny.EXTLINUX)
        server.start()
        server.serve(1, OPTIONS.replace("-r grub", "-r extlinux"))
        node = rack.machine("node1", 1, disks=[rack.blank_disk("node1", 64, "virtio-blk")]).start()
        node.console.wait(r'This clone will boot: "golden", /boot/vmlinuz, /boot/initrd, root sda1:fs')
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertEqual(server.exit_status(), 0)
        node.start("disk")
        node.console.wait(r"system is up: (?!golden)\S+")


class XfsBios(GptBios):
    """/ is an XFS, which GRUB for a BIOS reads."""

    LAYOUT = tiny.XFS


class Kinds(unittest.TestCase):
    """A golden disk with a file system of each kind, onto a larger one: as they were, with all files and features."""

    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))

    def test(self):
        layout = tiny.KINDS
        self.rack.serve()
        server = TinyGolden(self.rack, layout)
        server.start()
        for content in layout.extra:
            content.fill(server.console)
        golden = {content.point: content.digest(server.console) for content in layout.extra}
        server.serve(1, OPTIONS.replace("-p sda /root/desc ", ""))
        node = self.rack.machine("node1", 1, disks=[self.rack.blank_disk("node1", layout.size_mib + 40, "virtio-blk")],
                                 memory=512).start()
        node.console.wait(r"This machine is cloned", 400)
        node.wait_end()
        self.assertEqual(server.exit_status(), 0)
        server.machine.cut_power()
        ours, theirs = (disk.partitions(one.disks[0].path) for one in (server.machine, node))
        self.assertEqual([(p.uuid, p.label, p.file_system) for p in ours],
                         [(p.uuid, p.label, p.file_system) for p in theirs])
        node.start("disk")
        node.console.wait(r"system is up: (?!golden)\S+")
        self.assertEqual({content.point: content.digest(node.console) for content in layout.extra}, golden)


GOLDEN = {"GptBios": "tiny-gpt", "Extlinux": "tiny-extlinux", "XfsBios": "tiny-xfs", "Kinds": "tiny-kinds"}

if __name__ == "__main__":
    golden.prepare(*(GOLDEN[name] for name in sys.argv[1:] or GOLDEN))
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
