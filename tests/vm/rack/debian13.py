"""A golden machine of today: Debian 13 on one NVMe disk, started by UEFI with Secure Boot on; GPT, an EFI system
partition, ext4 /boot, XFS /, Btrfs /home. All file systems are made by Debian 13's own programs."""

import inspect
import os
import shutil
from pathlib import Path

from . import awkward, disk, golden
from .golden import cached
from .sandbox import run

PACKAGES = ["linux-image-amd64", "grub-efi-amd64-signed", "shim-signed", "systemd-sysv", "udev", "kmod",
            "initramfs-tools", "zstd", "dbus", "login", "openssh-server", "iproute2", "acl", "attr", "libcap2-bin",
            "e2fsprogs", "xfsprogs", "btrfs-progs", "dosfstools", "efibootmgr", "fdisk", "tar",
            "dnsmasq-base", "pxelinux", "syslinux-common", "mtools"]
SIZE_MIB = 2700
TABLE = """\
start=1MiB, size=100MiB, type=U, name="EFI System Partition"
size=300MiB, type=L, name="boot"
size=1900MiB, type=L, name="root"
type=L, name="home"
"""
ESP, BOOT, ROOT, HOME = 1, 2, 3, 4
# Those that the kernel here may know; FAT is looked at by mtools.
MOUNTS = {ROOT: "/", BOOT: "/boot", HOME: "/home"}
_SUBVOLUMES = ("user", "vm")
_ESP_ID = "13E5-B007"


def debian13() -> Path:
    """The disk image."""
    system = cached("debian13.tar", repr(PACKAGES), lambda tarball: golden.bootstrap(tarball, "trixie", PACKAGES, {}))
    key = "".join(map(inspect.getsource, (inspect.getmodule(debian13), golden.configure, awkward)))
    key += str(system.stat().st_mtime_ns)
    return cached("debian13.img", key, lambda image: _disk(image, system))


def _disk(image: Path, system: Path) -> None:
    disk.free_space_or_fail(image.parent, 6000, "The rack's golden Debian 13")
    tree, root = image.with_suffix(".tree"), image.with_suffix(".mnt")
    for folder in (tree, root):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    _unpack(system, tree)
    disk.write_table(image, SIZE_MIB, TABLE, "gpt")
    with disk.attached(image) as device, disk.chroot_mounts(tree):
        for number, *command in ((BOOT, "mkfs.ext4", "-q", "-L", "boot"), (ROOT, "mkfs.xfs", "-q", "-f", "-L", "root"),
                                 (HOME, "mkfs.btrfs", "-q", "-f", "-L", "home")):
            run("chroot", tree, *command, f"{device}p{number}")
    with disk.mounted(image, {ROOT: "/"}, root, read_only=False):
        (root / "boot").mkdir()
        (root / "home").mkdir()
    with disk.mounted(image, MOUNTS, root, read_only=False):
        _unpack(system, root)
        uuids = {part.number: part.uuid for part in disk.partitions(image)}
        _configure(root, uuids)
        awkward.populate(root)
        _home(root / "home")
    _boot_files(image, root, uuids[BOOT])
    shutil.rmtree(tree)
    root.rmdir()


def _unpack(system: Path, folder: Path) -> None:
    run("tar", "--extract", "--file", system, "--directory", folder, "--numeric-owner", "--xattrs",
        "--xattrs-include=*")


def _configure(root: Path, uuids: dict[int, str]) -> None:
    golden.configure(root, f"UUID={uuids[ROOT]} / xfs defaults 0 0\n"
                           f"UUID={uuids[BOOT]} /boot ext4 defaults 0 2\n"
                           f"UUID={_ESP_ID} /boot/efi vfat umask=0077 0 1\n"
                           f"UUID={uuids[HOME]} /home btrfs defaults 0 0\n")
    with (root / "etc/default/grub").open("a") as file:
        file.write('GRUB_TERMINAL="console"\n')  # the firmware's, which is the serial line
    (root / "boot/efi").mkdir(mode=0o700, exist_ok=True)


def _home(home: Path) -> None:
    for name in _SUBVOLUMES:
        run("btrfs", "subvolume", "create", home / name)
    run("chattr", "+C", home / "vm")
    (home / "vm/disk.img").write_bytes(os.urandom(1 << 20))
    run("cp", "-a", "/etc/services", home / "user/services")


def _boot_files(image: Path, root: Path, boot_uuid: str) -> None:
    """What grub-install puts into the ESP (it would want the kernel here to know FAT), and grub.cfg."""
    with disk.attached(image) as device:
        run("mount", f"{device}p{ROOT}", root)
        run("mount", f"{device}p{BOOT}", root / "boot")
        try:
            with disk.chroot_mounts(root):
                (root / "boot/grub").mkdir(exist_ok=True)
                run("chroot", root, "update-grub")
            # Without /dev/disk/by-uuid of its own, grub-mkconfig named the loop device.
            config = root / "boot/grub/grub.cfg"
            uuid = run("blkid", "-o", "value", "-s", "UUID", f"{device}p{ROOT}").strip()
            config.write_text(config.read_text().replace(f"root={device}p{ROOT}", f"root=UUID={uuid}"))
            esp(image, root, ESP, _ESP_ID, f"search.fs_uuid {boot_uuid} root\nset prefix=($root)'/grub'\n")
        finally:
            run("umount", root / "boot")
            run("umount", root)


def esp(image: Path, root: Path, number: int, identifier: str, search: str) -> None:
    """An EFI system partition as Debian's grub-install fills it, from the packages in `root`. search: how GRUB there
    finds its own folder."""
    partition = next(one for one in disk.partitions(image) if one.number == number)
    run("mkfs.fat", "-F", "32", "-s", "1", "-i", identifier.replace("-", ""), "-n", "ESP",
        f"--offset={partition.offset // 512}", image, partition.size >> 10)
    folder = image.with_suffix(".esp")
    shutil.rmtree(folder, ignore_errors=True)
    debian = folder / "EFI/debian"
    debian.mkdir(parents=True)
    for name in ("shimx64", "mmx64", "fbx64"):
        shutil.copy(root / f"usr/lib/shim/{name}.efi.signed", debian / f"{name}.efi")
    shutil.copy(root / "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", debian / "grubx64.efi")
    shutil.copy(root / "usr/lib/shim/BOOTX64.CSV", debian)
    (debian / "grub.cfg").write_text(search + "configfile $prefix/grub.cfg\n")
    run("mcopy", "-s", "-i", f"{image}@@{partition.offset}", folder / "EFI", "::/")
    shutil.rmtree(folder)
