"""A golden Debian 12 that starts by BIOS and by UEFI, under Secure Boot too: GPT with a BIOS boot partition and an EFI
system partition, GRUB for both, /, swap."""

import inspect
from pathlib import Path

from . import awkward, debian13, disk, golden
from .golden import cached
from .sandbox import run

# What the packages of KA want to have installed is there: in the rack no mirror is in reach.
PACKAGES = [*golden.PACKAGES, "grub-efi-amd64-signed", "shim-signed", "dosfstools", "efibootmgr", "dnsmasq-base",
            "pxelinux", "syslinux-common", "mtools"]
SIZE_MIB = 2400
TABLE = f"""\
start=1MiB, size=1MiB, type={disk.BIOS_BOOT}
size=100MiB, type=U, name="EFI System Partition"
size=200MiB, type=S
type=L
"""
ESP, SWAP, ROOT = 2, 3, 4
MOUNTS = {ROOT: "/"}
_ESP_ID = "12B0-7400"


def debian12_both() -> Path:
    """The disk image."""
    system = cached("debian12-both.tar", repr(PACKAGES),
                    lambda tarball: golden.bootstrap(tarball, "bookworm", PACKAGES, {}))
    parts = (inspect.getmodule(debian12_both), golden.configure, golden.install_grub, debian13.esp, awkward)
    key = "".join(map(inspect.getsource, parts))
    return cached("debian12-both.img", key + str(system.stat().st_mtime_ns), lambda image: _disk(image, system))


def _disk(image: Path, system: Path) -> None:
    disk.free_space_or_fail(image.parent, 5000, "The rack's golden Debian 12 for both firmwares")
    disk.write_table(image, SIZE_MIB, TABLE, "gpt")
    with disk.attached(image) as device:
        run("mkswap", f"{device}p{SWAP}")
        run("mke2fs", "-q", "-t", "ext4", f"{device}p{ROOT}")
    root = image.with_suffix(".mnt")
    with disk.mounted(image, MOUNTS, root, read_only=False):
        run("tar", "--extract", "--file", system, "--directory", root, "--numeric-owner", "--xattrs",
            "--xattrs-include=*")
        uuids = {part.number: part.uuid for part in disk.partitions(image)}
        golden.configure(root, f"UUID={uuids[ROOT]} / ext4 errors=remount-ro 0 1\n"
                               f"UUID={_ESP_ID} /boot/efi vfat umask=0077 0 1\n"
                               f"UUID={uuids[SWAP]} none swap sw 0 0\n")
        (root / "boot/efi").mkdir(mode=0o700, exist_ok=True)
        awkward.populate(root)
        awkward.flag(root)
    with golden.install_grub(image, ROOT):
        debian13.esp(image, root, ESP, _ESP_ID, f"search.fs_uuid {uuids[ROOT]} root\n"
                                                "set prefix=($root)'/boot/grub'\n")
    root.rmdir()
