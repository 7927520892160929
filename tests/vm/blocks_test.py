#!/usr/bin/env python3
"""Partitions that are copied block by block (-D): only what is used, to the same place, and nothing that Windows has
not left whole."""

import json
import os
import random
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import contents, disk, golden, machine, sandbox, tiny  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.sandbox import run, run_bytes  # noqa: E402
from rack.tiny_clone import TinyGolden  # noqa: E402

WHOLE, DIRTY, HIBERNATED = 3, 4, 5  # partitions
# The first of these does not begin on a MiB: it has to stay there.
LAYOUT = tiny.Layout("tiny-blocks.img", "gpt", 292,
                     f"start=1MiB, size=1MiB, type={disk.BIOS_BOOT}\nsize=6MiB, type=S\n"
                     f'start=17003, size=200MiB, type={contents.DATA}, name="Basic data partition", attrs="GUID:63"\n'
                     f"size=12MiB, type={contents.DATA}\nsize=12MiB, type={contents.DATA}\ntype=L\n", "", root=6,
                     swap=2)
LABEL = "security.selinux"
MIB = 1 << 20


class Ntfs:
    """An NTFS in a file of its own."""

    def __init__(self, file: Path, size: int, start: int):
        self.file = file
        file.unlink(missing_ok=True)
        with file.open("wb") as made:
            made.truncate(size)
        run("mkntfs", "--quick", "--quiet", "--force", "--label", "Windows", "--sector-size", 512, "--partition-start",
            start, "--heads", 255, "--sectors-per-track", 63, file)

    def add(self, name: str, content: bytes) -> None:
        source = self.file.with_suffix(".source")
        source.write_bytes(content)
        run("ntfscp", "--force", "--quiet", self.file, source, name)

    def mark_dirty(self) -> None:
        """As Windows does while it is at work: bit 0 of the flags in $VOLUME_INFORMATION, in both copies of $Volume."""
        with self.file.open("r+b") as volume:
            boot = volume.read(512)
            cluster = struct.unpack_from("<H", boot, 11)[0] * boot[13]
            shift = struct.unpack_from("<b", boot, 64)[0]
            size = 1 << -shift if shift < 0 else shift * cluster
            for place in (48, 56):
                volume.seek(struct.unpack_from("<Q", boot, place)[0] * cluster + 3 * size)
                record = bytearray(volume.read(size))
                at = struct.unpack_from("<H", record, 20)[0]
                while struct.unpack_from("<I", record, at)[0] != 0x70:
                    at += struct.unpack_from("<I", record, at + 4)[0]
                record[at + struct.unpack_from("<H", record, at + 20)[0] + 10] |= 1
                volume.seek(-size, os.SEEK_CUR)
                volume.write(record)

    def put(self, image: Path, partition: disk.Partition) -> None:
        run("dd", f"if={self.file}", f"of={image}", "bs=64k", "conv=notrunc,sparse", "oflag=seek_bytes",
            f"seek={partition.offset}")


def part(image: Path, number: int, target: Path) -> Path:
    """A partition as a file of its own."""
    (partition,) = (one for one in disk.partitions(image) if one.number == number)
    run("dd", f"if={image}", f"of={target}", "bs=64k", "conv=sparse", "iflag=skip_bytes,count_bytes",
        f"skip={partition.offset}", f"count={partition.size}")
    return target


class WindowsBeside(unittest.TestCase):
    """Linux with SELinux labels, an NTFS beside it; and two more that the server refuses."""

    FILES = {"big.bin": random.Random(8).randbytes(12 * MIB), "hello.txt": b"hello\n"}

    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))

    def test(self):
        self.rack.serve()
        server = TinyGolden(self.rack, LAYOUT)
        image = server.machine.disks[0].path
        self._fill(image)
        self._label(image)
        server.start()
        self._refuses(server)

        server.serve(1, f"-X vda -x /srv/excluded -r grub -D sda{WHOLE} --verify all")
        node = self.rack.machine("node1", 1, disks=[self.rack.blank_disk("node1", LAYOUT.size_mib + 20,
                                                                         "virtio-blk")]).start()
        node.console.wait(r"Copying /dev/vda3: the used blocks of its ntfs, \d+\.\d MiB")
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertEqual(server.exit_status(), 0)
        sent = {session["name"]: session["bytes"] for session in server.report()["sessions"]}
        self.assertGreater(sent["kainstall3"], 12 * MIB)
        self.assertLess(sent["kainstall3"], 22 * MIB)
        server.console.type("poweroff\n")
        server.machine.wait_end()

        self._assert_same_place(image, node.disks[0].path)
        self._assert_same_files(image, node.disks[0].path)
        self._assert_labels(node.disks[0].path)
        node.start("disk")
        node.wait_up()

    def _fill(self, image: Path) -> None:
        there = {partition.number: partition for partition in disk.partitions(image)}
        made = {number: Ntfs(self.rack.directory / f"ntfs{number}", there[number].size, there[number].offset // 512)
                for number in (WHOLE, DIRTY, HIBERNATED)}
        for name, content in self.FILES.items():
            made[WHOLE].add(name, content)
        made[HIBERNATED].add("hiberfil.sys", b"hibr" + bytes(8188))
        made[DIRTY].mark_dirty()
        for number, ntfs in made.items():
            ntfs.put(image, there[number])

    def _label(self, image: Path) -> None:
        """Each file has another one, so that none can be a guess."""
        with disk.mounted(image, LAYOUT.mounts, self.rack.directory / "mnt", False) as root:
            for path in [root, *root.rglob("*")]:
                os.setxattr(path, LABEL, f"system_u:object_r:{path.name}_t:s0\0".encode(), follow_symlinks=False)

    def _refuses(self, server: TinyGolden) -> None:
        status, said = server.console.command(
            f"ka-server --check -n 1 -X vda -r grub -D sda{DIRTY} -D sda{HIBERNATED}", limit=120)
        said = " ".join(said.split())
        self.assertNotEqual(status, 0)
        self.assertRegex(said, f"-D sda{DIRTY}: .*marked as dirty.*chkdsk /f")
        self.assertRegex(said, f"-D sda{HIBERNATED}: .*Windows hibernates on it.*powercfg /h off")

    def _assert_same_place(self, image: Path, clone: Path) -> None:
        ours, theirs = (json.loads(run("sfdisk", "--json", one))["partitiontable"] for one in (image, clone))
        self.assertEqual(ours["id"], theirs["id"])
        ours, theirs = (dict(one["partitions"][WHOLE - 1], node="") for one in (ours, theirs))
        self.assertEqual(ours, theirs)
        self.assertEqual(ours["start"], 17003)

    def _assert_same_files(self, image: Path, clone: Path) -> None:
        ours, theirs = (part(one, WHOLE, self.rack.directory / name) for one, name in
                        ((image, "ours"), (clone, "theirs")))
        run("ntfs-3g.probe", "--readwrite", theirs)
        self.assertEqual(run("ntfsls", "--all", "--system", "--long", ours),
                         run("ntfsls", "--all", "--system", "--long", theirs))
        for name, content in self.FILES.items():
            self.assertEqual(run_bytes("ntfscat", theirs, name), content)
        for one in (ours, theirs):  # the boot sector and its copy, which Windows mends itself by
            content = one.read_bytes()
            self.assertEqual(content[:512], content[-512:])

    def _assert_labels(self, clone: Path) -> None:
        with disk.mounted(clone, LAYOUT.mounts, self.rack.directory / "mnt") as root:
            def label(path: Path) -> str:
                return os.getxattr(path, LABEL, follow_symlinks=False).decode().rstrip("\0")
            for name in ("etc/hostname", "etc/machine-id", "etc/fstab", "bin/busybox", "srv/data/random"):
                self.assertEqual(label(root / name), f"system_u:object_r:{Path(name).name}_t:s0")
            new = [path for path in (root / "var/log/ka").iterdir()]
            self.assertTrue(new)
            for path in new:  # this clone has no policy that would say more
                self.assertEqual(label(path), "system_u:object_r:log_t:s0")
            for path in root.rglob("*"):
                self.assertTrue(label(path), path)


if __name__ == "__main__":
    golden.prepare("tiny")
    sandbox.enter()
    sandbox.need(*machine.programs(), "mkntfs", "ntfscp", "ntfscat", "ntfsls", "ntfs-3g.probe")
    unittest.main(verbosity=2)
