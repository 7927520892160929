#!/usr/bin/env python3
"""Saved on Monday, the golden node gone, deployed from another machine by somebody who is not root: two equal clones
that start. Before that, savings that do not come to their end."""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import busybox, compare, disk, golden, machine, sandbox, tiny  # noqa: E402
from rack.machine import Disk  # noqa: E402
from rack.rack import KA_SERVER, Rack  # noqa: E402
from rack.sandbox import run  # noqa: E402
from rack.tiny_clone import AS_IT_IS, TinyGolden  # noqa: E402

SAVE = f"ka-server save %s -p sda /root/desc {AS_IT_IS} -X sdb -r grub"
UNCHANGED = ("usr", "bin", "lib", "srv/data")  # by any step of a clone
NOBODY = 65534


class ShelfGolden(TinyGolden):
    """With zstd, clones that have the room for it, and a disk that goes on when it is gone."""

    def _disks(self, rack: Rack) -> list[Disk]:
        own = super()._disks(rack)
        with disk.mounted(own[0].path, tiny.MOUNTS, rack.directory / "mnt", read_only=False) as root:
            busybox.install_program(root, Path(shutil.which("zstd")))
            busybox.write(root / "root/desc", "linux 60\nswap fill\n")  # with room for it
        self.shelf = rack.directory / "shelf.img"
        with self.shelf.open("wb") as image:
            image.truncate(128 << 20)
        run("mkfs.ext4", "-q", self.shelf)
        return [*own, Disk(self.shelf, "virtio-scsi")]


class Shelf(unittest.TestCase):
    def setUp(self):
        self.rack = self.enterContext(Rack("Shelf"))
        self.rack.serve()
        self.golden = ShelfGolden(self.rack)

    def test(self):
        self.golden.start()
        console = self.golden.console
        status, said = console.command("mkdir /mnt/shelf /run/small && mount -t ext4 /dev/sdb /mnt/shelf && "
                                       "mount -t tmpfs -o size=30m small /run/small")
        self.assertEqual(status, 0, said)
        self._not_into_itself(console)
        self._full_disk(console)
        self._killed(console)
        status, said = console.command(SAVE % "/mnt/shelf/golden", 300)
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"system\.tar\.zst: [\d.]+ MiB in [\d.]+ MiB")
        self.assertRegex(said, r"Saved: [\d.]+ MiB in /mnt/shelf/golden")
        console.command("umount /mnt/shelf")
        console.type("poweroff\n")
        self.golden.machine.wait_end()
        nodes = [self._node(number) for number in (1, 2)]
        self._deploy(self._copied_from_shelf(), nodes)
        for node in nodes:
            self._assert_same_files(node)
            node.start("disk")
            node.wait_up()
            node.cut_power()

    def _not_into_itself(self, console):
        status, said = console.command(SAVE % "/srv/golden", 300)
        self.assertEqual(status, 1, said)
        self.assertIn("it is on a file system that is saved itself: leave it out with -x /srv/golden", said)

    def _full_disk(self, console):
        status, said = console.command(SAVE % "/run/small/golden", 300)
        self.assertEqual(status, 1, said)
        self.assertIn("No space left on device", said)
        status, said = console.command("ka-server deploy /run/small/golden -n 1")
        self.assertEqual(status, 1, said)
        self.assertEqual(console.command("find /run/small -name '*.part' -o -name image.json")[1].strip(), "")
        console.command("umount /run/small")

    def _killed(self, console):
        status, said = console.command(
            f"({SAVE % '/mnt/shelf/golden'} & "
            "until [ -s /mnt/shelf/golden/system.tar.zst.part ]; do :; done; kill -9 $!; wait) > /dev/null 2>&1; "
            "ls /mnt/shelf/golden", 300)
        self.assertEqual(status, 0, said)
        self.assertIn("system.tar.zst.part", said)
        self.assertNotIn("image.json", said)
        status, said = console.command("ka-server deploy /mnt/shelf/golden -n 1")
        self.assertEqual(status, 1, said)
        self.assertIn("is not whole: its saving has not come to its end", said)

    def _copied_from_shelf(self) -> Path:
        """As its next owner has it; what reads an image without KA finds it right."""
        place = Path("/run/shelf")
        point = self.rack.directory / "mnt"
        run("mount", "-o", "loop,ro", self.golden.shelf, point)
        try:
            shutil.copytree(point / "golden", place)
        finally:
            run("umount", point)
        run("sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS", cwd=place)
        self.assertIn("./usr/sbin/ka-server\n" if tiny.DOS.mounted_here else "./bin/busybox\n",
                      run("tar", "-tf", place / "system.tar.zst"))
        run("chown", "-R", f"{NOBODY}:{NOBODY}", place)
        return place

    def _node(self, number: int) -> machine.Machine:
        name = f"node{number}"
        return self.rack.machine(name, number, disks=[self.rack.blank_disk(name, 64, "virtio-blk")])

    def _deploy(self, image: Path, nodes: list[machine.Machine]):
        reports = Path("/run/reports")
        reports.mkdir()
        os.chown(reports, NOBODY, NOBODY)
        log = self.enterContext((self.rack.directory / "deploy").open("w"))
        server = subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", KA_SERVER,
                                   "deploy", image, "-n", str(len(nodes)), "--json", reports / "ka.json"],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        for node in nodes:
            node.start()
        for node in nodes:
            node.console.wait(r"This machine is cloned", 600)
            node.wait_end()
        said = (self.rack.directory / "deploy").read_text()
        self.assertEqual(server.wait(60), 0, said)
        report = json.loads((reports / "ka.json").read_text())
        self.assertEqual((report["result"], report["nodes_done"]), ("done", len(nodes)))

    def _assert_same_files(self, node: machine.Machine):
        trees = []
        for one in (self.golden.machine, node):
            with disk.mounted(one.disks[0].path, tiny.MOUNTS, self.rack.directory / "mnt") as root:
                trees.append([compare.Tree.read(root / part) for part in UNCHANGED])
        found = [one for pair in zip(*trees, strict=True) for one in compare.differences(*pair)]
        self.assertEqual(found, [])


if __name__ == "__main__":
    golden.prepare("tiny")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
