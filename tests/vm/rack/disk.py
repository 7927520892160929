"""Disk images on this machine: partitioned, formatted, made bootable, mounted.

Partitions are found with sfdisk and mounted by their offset, so nothing depends on this kernel reading partition
tables, and the loop devices that mount(8) makes vanish with the mount.
"""

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from .sandbox import run


@dataclass(frozen=True)
class Partition:
    number: int
    type: str  # MBR type, hexadecimal: "83"; or the GUID of a GPT
    offset: int  # bytes
    size: int
    uuid: str = ""  # of the file system or swap space in it
    file_system: str = ""
    label: str = ""
    guid: str = ""  # of the partition itself, in a GPT


def partitions(image: Path) -> list[Partition]:
    """Those of the image's table, with what blkid sees in each; empty if there is no table."""
    if not _has_signature(image):
        return []
    found = []
    sector = sector_of(image)
    for entry in table(image).get("partitions", []):
        number = int(entry["node"].removeprefix(str(image)).lstrip("p"))
        offset, size = entry["start"] * sector, entry["size"] * sector
        tags = {}
        if entry["type"] not in ("5", "f"):
            tags = _tags(image, offset, size)
        found.append(Partition(number, entry["type"], offset, size, tags.get("UUID", ""), tags.get("TYPE", ""),
                               tags.get("LABEL", ""), entry.get("uuid", "")))
    return found


def table(image: Path) -> dict:
    """As sfdisk --json has it; starts and sizes are in sectors of the disk."""
    sector = sector_of(image)
    if sector == 512:
        return json.loads(run("sfdisk", "--json", image))["partitiontable"]
    with _in_sectors(image, sector) as device:
        read = json.loads(run("sfdisk", "--json", device))["partitiontable"]
    for partition in read.get("partitions", []):
        partition["node"] = partition["node"].replace(f"{device}p", str(image))
    return read


@contextlib.contextmanager
def _in_sectors(image: Path, sector: int) -> Iterator[str]:
    """As a device: sfdisk takes a file for a disk of 512-byte sectors."""
    _detach_leftovers(image)
    device = run("losetup", "--sector-size", sector, "--find", "--show", image).strip()
    try:
        yield device
    finally:
        _detach(device)


def sector_of(image: Path) -> int:
    """By where the header of its GPT lies, which is in the second sector. An MBR is of 512-byte sectors here."""
    with image.open("rb") as disk:
        start = disk.read(4096 + 8)
    return 4096 if start[4096:] == b"EFI PART" and start[512:520] != b"EFI PART" else 512


def _has_signature(image: Path) -> bool:
    with image.open("rb") as disk:
        return disk.read(512)[510:] == b"\x55\xaa"


def _tags(image: Path, offset: int, size: int) -> dict[str, str]:
    output = run("sh", "-c", 'blkid -p -O "$1" -S "$2" -o export "$3" || test $? = 2', "sh", offset, size, image)
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


@contextlib.contextmanager
def mounted(image: Path, mounts: dict[int, str], where: Path, read_only: bool = True) -> Iterator[Path]:
    """Mounts partitions by number: {1: "/", 6: "/var"}; "/" first. Unmounts in the end, whatever happens."""
    by_number = {partition.number: partition for partition in partitions(image)}
    where.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as undo:
        for number, point in mounts.items():
            place = where / point.lstrip("/")
            partition = by_number[number]
            options = f"loop,offset={partition.offset},sizelimit={partition.size},noatime"
            run("mount", "-o", options + (",ro" if read_only else ""), image, place)
            undo.callback(run, "umount", place)
        yield where


@contextlib.contextmanager
def mounted_files(files: dict[str, Path], where: Path) -> Iterator[Path]:
    """Mounts file systems that are files, by where they go: {"/": …, "/var": …}."""
    with contextlib.ExitStack() as undo:
        for point in sorted(files):
            place = where / point.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            run("mount", "-o", "loop,noatime", files[point], place)
            undo.callback(run, "umount", place)
        yield where


def fat_files(image: Path, number: int, folder: Path) -> Path:
    """Copies all files of a FAT to `folder`: the kernel here need not know FAT."""
    partition = next(one for one in partitions(image) if one.number == number)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run("mcopy", "-s", "-m", "-n", "-i", f"{image}@@{partition.offset}", "::/", folder)
    return folder


def signatures(image: Path) -> list[str]:
    """All that wipefs finds on the disk as a whole, and on each partition: "2 LVM2_member UUID"."""
    places = [(0, 0, image.stat().st_size), *((part.number, part.offset, part.size) for part in partitions(image))]
    found = []
    for number, offset, size in places:
        part = ["--offset", offset, "--sizelimit", size]
        device = run("losetup", "--read-only", *part, "--find", "--show", image).strip()
        try:
            lines = run("wipefs", "--noheadings", "--output", "TYPE,UUID", device).splitlines()
        finally:
            _detach(device)
        found += [" ".join([str(number), *line.split()]) for line in lines]
    return found


@contextlib.contextmanager
def attached(image: Path) -> Iterator[str]:
    """The image as a block device whose partitions are devices too, as grub-install needs them: "/dev/loop0"."""
    _detach_leftovers(image)
    device = run("losetup", "--find", "--show", image).strip()
    try:
        run("partx", "--add", device)
        yield device
    finally:
        _detach(device)


def _detach(device: str) -> None:
    if list(Path("/sys/block", Path(device).name).glob("loop*p*")):
        run("partx", "--delete", device)
    run("losetup", "--detach", device)


def _detach_leftovers(image: Path) -> None:
    """Of an earlier run that was killed before it could."""
    for line in run("losetup", "--associated", image).splitlines():
        _detach(line.split(":")[0])


def write_table(image: Path, size_mib: int, script: str, label: str = "dos", sector: int = 512) -> None:
    """A new sparse image with this table (sfdisk's script language)."""
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    if sector == 512:
        run("sfdisk", "--quiet", "--label", label, image, input=script.encode())
        return
    with _in_sectors(image, sector) as device:
        run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--label", label, device, input=script.encode())


BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"


def write_grub(image: Path, prefix: str, modules: Path = Path("/usr/lib/grub/i386-pc"),
               more: tuple[str, ...] = ()) -> None:
    """GRUB for a BIOS, in the BIOS boot partition or else in the sectors before the first partition: what grub-install
    does, without its wish for a disk that udev knows. GRUB then reads `prefix`/grub.cfg; the modules it needs are in
    its core image, and the ones in `more`."""
    made = image.with_suffix(".core")
    run("grub-mkimage", "--format=i386-pc", f"--output={made}", f"--directory={modules}", f"--prefix={prefix}",
        "biosdisk", "part_msdos", "part_gpt", "ext2", "xfs", "btrfs", "jfs", "reiserfs", "f2fs", "normal", "linux",
        "serial", "terminal", "search", "search_fs_uuid", "echo", *more)
    core = bytearray(made.read_bytes())
    made.unlink()
    boot = bytearray((modules / "boot.img").read_bytes()[:440])
    there = partitions(image)
    place, end = 512, min(partition.offset for partition in there)
    for partition in there:
        if partition.type == BIOS_BOOT:
            place, end = partition.offset, partition.offset + partition.size
    if place + len(core) > end:
        raise ValueError(f"{image}: {len(core)} bytes of GRUB do not fit into {end - place}")
    # Where boot.img finds the first sector of the core image, and that one the rest.
    boot[0x5c:0x64] = (place // 512).to_bytes(8, "little")
    core[0x1f4:0x1fc] = (place // 512 + 1).to_bytes(8, "little")
    with image.open("r+b") as file:
        file.write(boot)
        file.seek(place)
        file.write(core)


@contextlib.contextmanager
def chroot_mounts(root: Path) -> Iterator[None]:
    """/dev, /proc and /sys inside a system that commands will run in by chroot."""
    with contextlib.ExitStack() as undo:
        for name in ("dev", "proc", "sys"):
            run("mount", "--rbind", f"/{name}", root / name)
            run("mount", "--make-rslave", root / name)
            undo.callback(run, "umount", "--lazy", root / name)
        yield


def copy(source: Path, target: Path) -> Path:
    """A copy that keeps holes."""
    run("cp", "--sparse=always", source, target)
    return target


def free_space_or_fail(directory: Path, mib: int, what: str) -> None:
    free = shutil.disk_usage(directory).free >> 20
    if free < mib:
        raise OSError(f"{what} needs {mib} MiB in {directory}, which has {free} MiB left")
