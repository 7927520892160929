"""The tiny golden machine on a Btrfs, with its subvolumes laid out as distributions do it."""

import contextlib
import inspect
import os
import random
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from . import disk, tiny
from .golden import ROOT, cached
from .machine import Disk
from .rack import KA_SERVER, Rack
from .sandbox import run
from .tiny_clone import TinyGolden

MIB = 220
TABLE = "start=1MiB, size=1MiB, type=" + disk.BIOS_BOOT + f"\nsize={MIB}MiB, type=L\n"


@dataclass(frozen=True)
class Layout:
    image: str
    root: str  # the subvolume that is /
    mounts: dict[str, str]  # others: {"@home": "/home"}
    others: tuple[str, ...]  # that are mounted nowhere
    cmdline: str  # of the kernel
    root_options: str  # in fstab
    by_default: bool = False  # / is the default subvolume, and a snapshot, as snapper makes it
    make: tuple[str, ...] = ()  # options of mkfs.btrfs

    def __hash__(self):
        return hash(self.image)


# As Debian's installer has it, and what people and systemd add. fstab and command line name the root by number, too.
DEBIAN = Layout("tiny-btrfs.img", "@rootfs", {"@home": "/home"}, ("old", "old/inside", "@rootfs/var/lib/machines"),
                "rootflags=subvolid=256,subvol=@rootfs", "defaults,subvolid=256,subvol=@rootfs",
                make=("--csum", "xxhash", "-O", "^no-holes"))
# The root is a snapshot that nothing but the default subvolume names.
SUSE = Layout("tiny-suse.img", "@/.snapshots/1/snapshot",
              {"@/.snapshots": "/.snapshots", "@/var": "/var", "@/home": "/home",
               "@/boot/grub2/i386-pc": "/boot/grub2/i386-pc"}, ("@",), "", "defaults", by_default=True)


def image_of(layout: Layout) -> Path:
    kernel = ROOT / "build/kernel"
    if not (kernel / "vmlinuz").exists():
        run(ROOT / "initramfs/debian-kernel", kernel)
    key = "".join(inspect.getsource(inspect.getmodule(one)) for one in (image_of, tiny.tiny))
    return cached(layout.image, key + os.readlink(kernel / "vmlinuz"), lambda image: _build(image, layout, kernel))


@contextlib.contextmanager
def top(image: Path, where: Path, read_only: bool = True) -> Iterator[Path]:
    """The whole file system, from its top. No two of one UUID at once."""
    partition = disk.partitions(image)[1]
    where.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "btrfs", "-o", f"loop,offset={partition.offset},sizelimit={partition.size},noatime,subvolid=5" +
        (",ro" if read_only else ""), image, where)
    try:
        yield where
    finally:
        run("umount", where)
        # The kernel remembers its device by the UUID.
        run("btrfs", "device", "scan", "--forget")


def subvolumes(where: Path) -> dict[str, tuple[bool, bool]]:
    """Of what top() gives: for each whether it is read-only, and the default."""
    default = run("btrfs", "subvolume", "get-default", where).split(" path ")[-1].strip()
    lists = [run("btrfs", "subvolume", "list", *options, where) for options in ([], ["-r"])]
    everything, read_only = ({line.split(" path ", 1)[1] for line in text.splitlines()} for text in lists)
    return {path: (path in read_only, path == default) for path in everything}


def _build(image: Path, layout: Layout, kernel: Path) -> None:
    tree = image.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    tiny._system(tree, kernel, tiny.Layout(layout.image, "gpt", MIB, TABLE, "", 2, 0, root_type="btrfs",
                                           modules=("btrfs", "xxhash_generic")))
    disk.write_table(image, MIB + 3, TABLE, "gpt")
    partition = disk.partitions(image)[1]
    identity = str(uuid.uuid4())
    _configure(tree, layout, identity)
    device = run("losetup", "--find", "--show", f"--offset={partition.offset}", f"--sizelimit={partition.size}",
                 image).strip()
    try:
        run("mkfs.btrfs", "-q", "-f", "-U", identity, "-L", "tiny btrfs", *layout.make, device)
    finally:
        run("losetup", "--detach", device)
    with top(image, image.with_suffix(".mnt"), read_only=False) as where:
        _subvolumes(where, layout)
        _fill(where, layout, tree)
    # As other distributions build it, GRUB begins at the top whatever the default is.
    disk.write_grub(image, f"(,gpt2)/{layout.root}/boot/grub")
    image.with_suffix(".mnt").rmdir()
    shutil.rmtree(tree)


def _configure(tree: Path, layout: Layout, identity: str) -> None:
    lines = [f"UUID={identity} / btrfs {layout.root_options} 0 0\n"]
    for subvolume, point in layout.mounts.items():
        lines.append(f"UUID={identity} {point} btrfs defaults,subvol=/{subvolume} 0 0\n")
        (tree / point.lstrip("/")).mkdir(parents=True, exist_ok=True)
    (tree / "etc/fstab").write_text("".join(lines))
    (tree / "boot/grub/grub.cfg").write_text(
        tiny._GRUB.format(uuid=identity).replace("/boot/", f"/{layout.root}/boot/").replace(
            " quiet", f" {layout.cmdline} quiet"))


def _subvolumes(where: Path, layout: Layout) -> None:
    # Their numbers follow this order, which is another one on a clone.
    all_of_them = sorted([layout.root, *layout.mounts, *layout.others])
    for path in sorted(all_of_them, key=lambda path: path != layout.root or layout.by_default):
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        if path == layout.root and layout.by_default:
            run("btrfs", "subvolume", "create", where / "first")
            run("btrfs", "subvolume", "snapshot", where / "first", where / path)
            run("btrfs", "subvolume", "delete", where / "first")
            run("btrfs", "subvolume", "set-default", where / path)
        else:
            run("btrfs", "subvolume", "create", where / path)
        if path == "@/var":
            run("chattr", "+C", where / path)


def _fill(where: Path, layout: Layout, tree: Path) -> None:
    root = where / layout.root
    # What lies below a mount point goes to its own subvolume.
    run("cp", "-a", f"{tree}/.", root)
    for subvolume, point in layout.mounts.items():
        inside = root / point.lstrip("/")
        for file in list(inside.iterdir()):
            run("cp", "-a", file, where / subvolume)
            run("rm", "-r", file)
    (where / "a file at the top").write_text("in no subvolume\n")
    for path in (*layout.mounts, *layout.others):
        (where / path / "here.txt").write_text(f"in {path}\n")
        os.chmod(where / path, 0o750)
    _odd(root / "srv/data")
    _odd(where / next(iter(layout.mounts)))
    run("btrfs", "subvolume", "create", root / "srv/read-only")
    (root / "srv/read-only/file").write_text("nobody writes here\n")
    run("btrfs", "property", "set", root / "srv/read-only", "ro", "true")
    place = where / "@/.snapshots/2" if layout.by_default else where / "snapshots/2026"
    place.mkdir(parents=True)
    run("btrfs", "subvolume", "snapshot", "-r", root, place / "snapshot")


def _odd(place: Path) -> None:
    """Flags and properties of Btrfs, and two files that share their data."""
    source = random.Random(13)
    (place / "vm").mkdir()
    (place / "vm/with-copies").write_bytes(source.randbytes(20_000))
    run("chattr", "+C", place / "vm")
    (place / "vm/disk").write_bytes(source.randbytes(200_000))
    (place / "alone").touch()
    run("chattr", "+C", place / "alone")
    (place / "alone").write_bytes(source.randbytes(50_000))
    os.link(place / "alone", place / "a link to alone")
    (place / "packed").mkdir()
    run("btrfs", "property", "set", place / "packed", "compression", "zstd")
    (place / "packed/file").write_text("again and again\n" * 10_000)
    run("chattr", "+A", place / "packed/file")
    (place / "kept").write_text("immutable\n")
    run("chattr", "+iA", place / "kept")
    (place / "grows").write_text("append only\n")
    run("chattr", "+a", place / "grows")
    (place / "one").write_bytes(source.randbytes(1 << 20))
    run("cp", "--reflink=always", place / "one", place / "the same")


class TinyBtrfs(TinyGolden):
    def __init__(self, rack: Rack, layout: Layout):
        image = disk.copy(image_of(layout), rack.directory / "golden.img")
        with top(image, rack.directory / "mnt", read_only=False) as where:
            shutil.copy(KA_SERVER, where / layout.root / "usr/sbin/ka-server")
        stage2 = Disk(ROOT / "build/rescue.sqfs", "virtio-blk", read_only=True)
        self.machine = rack.machine("golden", 9, disks=[Disk(image, "virtio-scsi"), stage2], memory=512)
        self._boot = "disk"
        self.console = self.machine.console
        self.serving = False
