"""File systems that the kernel here does not know are filled by Debian's."""

from pathlib import Path

from . import disk, maker
from .sandbox import run


def with_tree(image: Path, partition: disk.Partition, kind: str, tree: Path, kernel_modules: tuple[str, ...]) -> None:
    """All of `tree` into the file system of this partition, which is empty."""
    archive = packed(tree, image.with_suffix(".tar"))
    maker.run_inside(f"mount -t {kind} /dev/vda /root\ntar -xf /dev/vdb -C /root\numount /root\n", image,
                     [maker.part(image, partition.offset, partition.size), maker.whole(archive, read_only=True)],
                     list(kernel_modules))
    archive.unlink()


def packed(tree: Path, archive: Path) -> Path:
    run("tar", "--create", "--file", archive, "--directory", tree, "--numeric-owner", ".")
    return archive
