"""The root file system of the tiny golden machine as a Btrfs, with subvolumes laid out as distributions do it."""

import contextlib
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from . import disk
from .sandbox import run


@dataclass(frozen=True)
class Subvolumes:
    root: str  # the subvolume that is /
    mounts: dict[str, str]  # others: {"@home": "/home"}
    others: tuple[str, ...] = ()  # that are mounted nowhere
    cmdline: str = ""  # of the kernel
    root_options: str = "defaults"  # in fstab
    by_default: bool = False  # / is the default subvolume, and a snapshot, as snapper makes it
    snapshot: str = ""  # one that stays behind
    make: tuple[str, ...] = ()  # options of mkfs.btrfs


@contextlib.contextmanager
def top(image: Path, number: int, where: Path, read_only: bool = True) -> Iterator[Path]:
    """The whole file system of a partition, from its top. No two of one UUID at once."""
    (partition,) = (one for one in disk.partitions(image) if one.number == number)
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


def make(image: Path, partition: disk.Partition, tree: Path, identity: str, layout: Subvolumes) -> None:
    device = run("losetup", "--find", "--show", f"--offset={partition.offset}", f"--sizelimit={partition.size}",
                 image).strip()
    try:
        run("mkfs.btrfs", "-q", "-f", "-U", identity, "-L", "tiny btrfs", *layout.make, device)
    finally:
        run("losetup", "--detach", device)
    with top(image, partition.number, image.with_suffix(".mnt"), read_only=False) as where:
        _subvolumes(where, layout)
        _fill(where, layout, tree)
    image.with_suffix(".mnt").rmdir()


def _subvolumes(where: Path, layout: Subvolumes) -> None:
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


def _fill(where: Path, layout: Subvolumes, tree: Path) -> None:
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
    if layout.snapshot:
        (where / layout.snapshot).parent.mkdir(parents=True)
        run("btrfs", "subvolume", "snapshot", "-r", root, where / layout.snapshot)


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
