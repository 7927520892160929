#!/usr/bin/env python3
"""Saved on Monday, as a folder and as one file; on Tuesday what has changed since is told. The golden node gone, the
folder is deployed by somebody who is not root, and the file by `--pxe` from another machine, which has no boot files of
its own: equal clones that start. Before that, savings that do not come to their end."""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import busybox, compare, disk, golden, machine, network, sandbox  # noqa: E402
from rack.golden import ROOT  # noqa: E402
from rack.machine import Disk  # noqa: E402
from rack.own_boot import LAYOUT, VALUES  # noqa: E402
from rack.rack import KA_SERVER, KEY, Rack  # noqa: E402
from rack.sandbox import run  # noqa: E402
from rack.tiny_clone import AS_IT_IS, TinyGolden  # noqa: E402

SAVE = f"ka-server save %s -p sda /root/desc {AS_IT_IS} -X sdb -r grub"
UNCHANGED = ("usr", "bin", "lib", "srv/data")  # by any step of a clone
NOBODY = 65534
BOOT_FILES = ("vmlinuz", "all.rdz")


class ShelfGolden(TinyGolden):
    """With zstd, what nodes boot, and a disk that goes on when it is gone."""

    def __init__(self, rack: Rack):
        super().__init__(rack, LAYOUT)

    def _disks(self, rack: Rack) -> list[Disk]:
        own = super()._disks(rack)
        with disk.mounted(own[0].path, LAYOUT.mounts, rack.directory / "mnt", read_only=False) as root:
            busybox.install_program(root, Path(shutil.which("zstd")))
            busybox.write(root / "root/old", "old\n")
            (root / "usr/lib/ka/boot").mkdir(parents=True)
            for file in BOOT_FILES:
                shutil.copy(ROOT / "build" / file, root / "usr/lib/ka/boot")
        self.shelf = rack.directory / "shelf.img"
        with self.shelf.open("wb") as image:
            image.truncate(256 << 20)
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
        self._as_one_file(console)
        self._tells_what_changed(console)
        console.command("umount /mnt/shelf")
        console.type("poweroff\n")
        self.golden.machine.wait_end()
        place = self._copied_from_shelf()
        nodes = [self._node(number) for number in (1, 2, 3)]
        self._deploy_as_nobody(place / "golden", nodes[:1])
        self._deploy_by_pxe(place / "golden.ka", nodes[1:])
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
        status, said = console.command(f"rm -r /run/small/golden; {SAVE % '/run/small/golden.ka'}", 300)
        self.assertEqual(status, 1, said)
        self.assertIn("No space left on device", said)
        self.assertEqual(console.command("ls /run/small")[1].strip(), "")
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

    def _as_one_file(self, console):
        status, said = console.command(
            f"({SAVE % '/mnt/shelf/golden.ka'} & "
            "until [ -s /mnt/shelf/golden.ka.part ]; do :; done; kill -9 $!; wait) > /dev/null 2>&1; "
            "ls /mnt/shelf", 300)
        self.assertIn("golden.ka.part", said)
        self.assertNotRegex(said, r"golden\.ka\s*$")
        status, said = console.command(SAVE % "/mnt/shelf/golden.ka", 300)
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"Saved: [\d.]+ MiB in /mnt/shelf/golden\.ka")
        self.assertNotIn(".part", console.command("ls /mnt/shelf")[1])

    def _tells_what_changed(self, console):
        """With the options of the saving, which nobody has to give again."""
        for image in ("golden", "golden.ka --whole"):
            status, said = console.command(f"ka-server diff /mnt/shelf/{image}", 300)
            self.assertEqual((status, said.strip().splitlines()[-1].split(": ")[-1]),
                             (0, "0 added, 0 deleted, 0 modified"), said)
        status, said = console.command(
            "echo more >> /etc/hosts && chmod 700 /root && rm /root/old /root/desc; echo linux 111 > /root/desc; "
            "echo swap fill >> /root/desc; mkdir '/root/a b' && echo x > '/root/a b/'$(printf 'new\\033') && "
            "echo not seen > /srv/excluded/new && chattr +i /etc/hosts")
        self.assertEqual(status, 0, said)
        status, said = console.command("ka-server diff /mnt/shelf/golden.ka", 300)
        self.assertEqual(status, 1, said)
        for line in (r"P storage/sda1/size/bytes: 115343360 -> 116391936", r"M content,flags,time /etc/hosts",
                     r"M mode /root", r"A directory /root/a b", r"A file /root/a b/new\\x1b", r"M \S*time /root/desc",
                     r"D file /root/old",
                     r"since \S+Z: 2 added, 1 deleted, 3 modified, the plan is another one"):
            self.assertRegex(said, rf"(?m)^{line}\s*$")
        self.assertNotIn("/srv/excluded", said)
        self.assertEqual(console.command("chattr -i /etc/hosts")[0], 0)
        # Of an image that is damaged nothing is told.
        some = "dd bs=1 count=8 conv=notrunc"
        stream = "/mnt/shelf/golden/system.tar.zst"
        status, said = console.command(
            f"{some} if={stream} of=/run/some skip=99999 2>/dev/null; "
            f"echo damaged | {some} of={stream} seek=99999 2>/dev/null; ka-server diff /mnt/shelf/golden", 300)
        self.assertEqual(status, 2, said)
        self.assertIn("system.tar.zst: its SHA-256 is not the one that it was saved with", said)
        self.assertNotRegex(said, r"(?m)^[ADM] ")
        self.assertEqual(console.command(f"{some} if=/run/some of={stream} seek=99999 2>/dev/null")[0], 0)

    def _copied_from_shelf(self) -> Path:
        """As its next owner has it; what reads an image without KA finds it right."""
        place = Path("/run/shelf")
        point = self.rack.directory / "mnt"
        run("mount", "-o", "loop,ro", self.golden.shelf, point)
        try:
            shutil.copytree(point, place, ignore=shutil.ignore_patterns("lost+found"))
        finally:
            run("umount", point)
        run("sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS", cwd=place / "golden")
        self.assertIn("./usr/sbin/ka-server\n", run("tar", "-tf", place / "golden/system.tar.zst"))
        self.assertEqual(run("tar", "-tf", place / "golden.ka").split(),
                         ["image.json", "stage2.sqfs", "manifest.json", "system.tar.zst", *BOOT_FILES, "SHA256SUMS"])
        run("chown", "-R", f"{NOBODY}:{NOBODY}", place)
        return place

    def _node(self, number: int) -> machine.Machine:
        name = f"node{number}"
        return self.rack.machine(name, number, disks=[self.rack.blank_disk(name, 128, "virtio-blk")])

    def _deploy_as_nobody(self, image: Path, nodes: list[machine.Machine]):
        reports = Path("/run/reports")
        reports.mkdir()
        busybox.write(reports / "key", KEY, 0o600)
        for own in (reports, reports / "key"):
            os.chown(own, NOBODY, NOBODY)
        log = self.enterContext((self.rack.directory / "deploy").open("w"))
        server = subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", KA_SERVER,
                                   "deploy", image, "-n", str(len(nodes)), "--key", reports / "key", "--json",
                                   reports / "ka.json"],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self._clone(nodes, "network", server, reports)

    def _deploy_by_pxe(self, image: Path, nodes: list[machine.Machine]):
        """The nodes' kernel and all.rdz can only be the image's. Addresses come from a server that knows of nothing."""
        self.rack.dhcp.stop()
        self.rack.serve_addresses()
        here, reports = Path("/run/deployer"), Path("/run/reports-pxe")
        for folder in (here / "sbin", here / "share/ka", reports):
            folder.mkdir(parents=True)
        shutil.copy(KA_SERVER, here / "sbin")
        shutil.copytree(ROOT / "pxe-config", here / "share/ka/pxe-config")
        (here / "values").write_text(VALUES)
        key = here / "key"
        busybox.write(key, KEY, 0o600)
        log = self.enterContext((self.rack.directory / "deploy-pxe").open("w"))
        host = network.Host(self.rack.network, "deployer", "10.77.0.2")
        server = host.start(here / "sbin/ka-server", "deploy", image, "-n", str(len(nodes)), "--pxe", "--interface",
                            "eth0", "--key", key, "--pxe-values", here / "values", "--json", reports / "ka.json",
                            stdout=log,
                            stderr=subprocess.STDOUT)
        self._clone(nodes, "network-first", server, reports)
        self.assertEqual(list(Path("/run").glob("ka-image.*")), [])

    def _clone(self, nodes: list[machine.Machine], boot: str, server: subprocess.Popen, reports: Path):
        for node in nodes:
            node.start(boot)
        for node in nodes:
            node.console.wait(r"This machine is cloned", 600)
            node.wait_end()
        self.assertEqual(server.wait(60), 0)
        report = json.loads((reports / "ka.json").read_text())
        self.assertEqual((report["result"], report["nodes_done"]), ("done", len(nodes)))

    def _assert_same_files(self, node: machine.Machine):
        trees = []
        for one in (self.golden.machine, node):
            with disk.mounted(one.disks[0].path, LAYOUT.mounts, self.rack.directory / "mnt") as root:
                trees.append([compare.Tree.read(root / part) for part in UNCHANGED])
        found = [one for pair in zip(*trees, strict=True) for one in compare.differences(*pair)]
        self.assertEqual(found, [])


if __name__ == "__main__":
    golden.prepare("tiny-pxe")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
