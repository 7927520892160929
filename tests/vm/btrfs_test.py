#!/usr/bin/env python3
"""Golden machines on a Btrfs: subvolumes, those mounted nowhere too, with all files, flags and properties; started from
the clone's own disk. One class a layout, one CTest test a class."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import compare, disk, golden, machine, sandbox, tiny_btrfs  # noqa: E402
from rack.rack import Rack  # noqa: E402

OPTIONS = "-X vda -x /srv/excluded -r grub"


class _Btrfs(unittest.TestCase):
    LAYOUT: tiny_btrfs.Layout
    SNAPSHOT: str  # stays behind

    def setUp(self):
        if type(self) is _Btrfs:
            self.skipTest("is what the others have in common")
        self.rack = self.enterContext(Rack(type(self).__name__))

    def test(self):
        self.rack.serve()
        server = tiny_btrfs.TinyBtrfs(self.rack, self.LAYOUT)
        server.start()
        server.serve(1, OPTIONS)
        node = self.rack.machine("node1", 1, disks=[self.rack.blank_disk("node1", tiny_btrfs.MIB + 90, "virtio-blk")],
                                 memory=512).start()
        node.console.wait(r"This machine is cloned", 400)
        node.wait_end()
        self.assertEqual(server.exit_status(), 0)
        server.console.type("poweroff\n")
        server.machine.wait_end()
        ours, theirs = (self._read(one) for one in (server.machine, node))
        self.assertIn(self.SNAPSHOT, ours[0])
        ours[0].pop(self.SNAPSHOT)
        self.assertEqual(ours[0], theirs[0])
        self.assertEqual(compare.differences(ours[1], theirs[1]), [])
        self.assertEqual(*(self._features(one) for one in (server.machine, node)))
        self.assertNotIn("subvolid", theirs[2])
        node.start("disk")
        node.console.wait(r"system is up: (?!golden)\S+")
        status, mounted = node.console.command("cat /proc/mounts")
        for subvolume, point in {self.LAYOUT.root: "/", **self.LAYOUT.mounts}.items():
            self.assertRegex(mounted, rf" {point} btrfs \S*subvol=/{subvolume}\b")

    def _read(self, one: machine.Machine) -> tuple[dict, compare.Tree, str]:
        root = self.LAYOUT.root.encode()
        changed = (b"etc", b"boot/grub", b"root/.ash_history", b"var/log", b"srv/excluded", b"usr/sbin/ka-server")

        def skip(path: bytes) -> bool:
            # What the clone's own steps change, and what stays behind.
            return any(path == root + b"/" + name for name in changed) or path == self.SNAPSHOT.encode() or \
                path.startswith(b"@/var/log")

        with tiny_btrfs.top(one.disks[0].path, self.rack.directory / "mnt") as where:
            tree = compare.Tree.read(where, skip)
            # What lies hidden under a mount point is no clone's.
            for point in self.LAYOUT.mounts.values():
                tree.entries.pop(root + point.encode())
            return tiny_btrfs.subvolumes(where), tree, (where / self.LAYOUT.root / "etc/fstab").read_text()

    @staticmethod
    def _features(one: machine.Machine) -> list[str]:
        """Of the superblock: what mkfs.btrfs was told, and the UUID."""
        partition = disk.partitions(one.disks[0].path)[1]
        with one.disks[0].path.open("rb") as file:
            file.seek(partition.offset + 65536)
            super_block = file.read(4096)
        return [super_block[32:48].hex(), super_block[144:152].hex(), super_block[180:198].hex(),
                super_block[299:555].hex()]


class BtrfsDebian(_Btrfs):
    LAYOUT = tiny_btrfs.DEBIAN
    SNAPSHOT = "snapshots/2026/snapshot"


class BtrfsSuse(_Btrfs):
    LAYOUT = tiny_btrfs.SUSE
    SNAPSHOT = "@/.snapshots/2/snapshot"


if __name__ == "__main__":
    golden.prepare("tiny-btrfs", "tiny-suse")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
