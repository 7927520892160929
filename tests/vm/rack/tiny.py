"""The tiny golden machine, for the tests that are about KA and not about Debian: busybox, Debian's kernel, an initrd
with the drivers that QEMU's hardware needs, and what ka-server asks about a system with (tar, blkid, sfdisk, dumpe2fs).
It boots in ten seconds and is cloned in as many; stage2 is on a disk of its own, mounted on /mnt/ka."""

import contextlib
import inspect
import os
import random
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

from . import busybox, contents, disk, fill, maker, tiny_btrfs, tiny_loaders
from .contents import Content
from .golden import ROOT, cached
from .sandbox import run
from .tiny_btrfs import Subvolumes

MOUNTED_HERE = ("ext4", "xfs", "btrfs")  # by the kernel here; FAT is looked at by mtools, others by the machines


@dataclass(frozen=True)
class SecondDisk:
    """Beside the one that the tiny golden machine starts from; its contents are partition 1, 2, …"""
    size_mib: int
    table: str  # sfdisk's script, of a GPT
    contents: tuple[Content, ...]


@dataclass(frozen=True)
class Layout:
    """How the tiny golden machine's disk is divided."""
    image: str
    label: str  # of the partition table
    size_mib: int
    table: str  # sfdisk's script
    desc: str
    root: int  # the partition of / ...
    swap: int = 0  # ... and of the swap space; 0: none
    loader: str = "grub"  # of tiny_loaders.LOADERS
    format: tuple[str, ...] = ()  # more words for mkfs
    extra: tuple[Content, ...] = ()  # beside / and the swap space: the partitions behind that
    modules: tuple[str, ...] = ()  # of the kernel, for them
    root_type: str = "ext4"
    boot: int = 0  # /boot, an ext4; 0: in /
    esp: int = 0  # the EFI system partition; 0: it does not start by UEFI
    esp_format: tuple[str, ...] = ()  # more words for mkfs.fat
    sector: int = 512  # of the disk
    subvolumes: Subvolumes | None = None  # of / if that is a Btrfs
    second: SecondDisk | None = None

    @property
    def mounted_here(self) -> bool:
        """Whether the kernel here can mount /."""
        return self.root_type in MOUNTED_HERE

    @property
    def mounts(self) -> dict[int, str]:
        """Those that the kernel here can mount."""
        root = {self.root: "/"} if self.mounted_here else {}
        return root | ({self.boot: "/boot"} if self.boot else {})

    @property
    def root_id(self) -> str:
        """What ka-init calls it, as a pattern."""
        return r"sda\d:fs"

    @property
    def firmware(self) -> str:
        return "uefi" if self.esp else "bios"

    @property
    def boot_folder(self) -> str:
        """Where a boot loader finds /boot, in the file system that has it."""
        return "" if self.boot else f"/{self.subvolumes.root}/boot" if self.subvolumes else "/boot"

    @property
    def everything_extra(self) -> tuple[Content, ...]:
        return self.extra + (self.second.contents if self.second else ())


DOS = Layout("tiny.img", "dos", 58, "start=1MiB, size=50MiB, type=83, bootable\ntype=82\n", "linux 50\nswap fill\n",
             root=1, swap=2)
MOUNTS = DOS.mounts
TOOLS = ["tar", "blkid", "sfdisk", "dumpe2fs", "lsattr", "chattr"]
MODULES = ["virtio_pci", "virtio_blk", "virtio_scsi", "virtio_net", "virtio_rng", "ahci", "ata_piix", "sd_mod",
           "sym53c8xx", "megaraid_sas", "mptsas", "vmw_pvscsi", "e1000", "ext4", "crc32c_generic", "squashfs", "loop"]

_INITRD_INIT = """\
#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
modprobe -a ext4 crc32c_generic squashfs loop $(cat /modules)
for pass in 1 2 3; do
  find /sys -name modalias | xargs cat | sort -u | xargs modprobe -q -a -b 2>/dev/null
  modprobe -q -a sd_mod virtio_rng
done
for word in $(cat /proc/cmdline); do
  case $word in root=*) root=${word#root=};; rootflags=*) flags="-o ${word#rootflags=}";; esac
done
assemble() { :; }
[ ! -e /etc/layers ] || . /etc/layers
until device=$(findfs $root 2>/dev/null) && [ -b $device ]; do assemble; sleep 0.1; done
mount -t $(cat /root-type) $flags $device /root
mount --move /dev /root/dev; mount --move /proc /root/proc; mount --move /sys /root/sys
exec switch_root /root /sbin/init
"""

_RC = """\
#!/bin/sh
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
hostname "$(cat /etc/hostname)"
[ ! -e /etc/layers ] || { . /etc/layers; assemble_rest; }
swapon -a
while read -r spec point type options rest; do
  case $spec in UUID=*) spec=$(blkid -U ${spec#UUID=});; esac
  [ $point = / ] || [ $type = swap ] || mount -t $type -o $options $spec $point
done < /etc/fstab
[ ! -d /sys/firmware/efi ] || mount -t efivarfs efivarfs /sys/firmware/efi/efivars
ip link set lo up
for nic in /sys/class/net/e*; do
  ip link set ${nic##*/} up
  udhcpc -q -n -t 20 -T 1 -i ${nic##*/} -s /etc/udhcpc
done
for disk in /sys/block/[sv]d*; do
  case $(blkid /dev/${disk##*/}) in *squashfs*) mount -t squashfs -r /dev/${disk##*/} /mnt/ka;; esac
done
echo "system is up: $(hostname) $(cat /etc/machine-id)"
"""

_UDHCPC = """\
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask brd + dev $interface
[ -z "$router" ] || ip route add default via $router
"""

_INITTAB = """\
::sysinit:/etc/rc
ttyS0::respawn:-/bin/sh
::shutdown:/bin/umount -a -r
::ctrlaltdel:/sbin/reboot
"""


def tiny(layout: Layout = DOS) -> Path:
    """The disk image of the tiny golden machine."""
    kernel = fetched_kernel()
    sources = "".join(inspect.getsource(inspect.getmodule(one)) for one in (
        tiny, contents, disk, tiny_btrfs, tiny_loaders, fill, maker, busybox.initrd))
    key = sources + repr(layout) + os.readlink(kernel / "vmlinuz")
    return cached(layout.image, key, lambda image: _build(image, layout, kernel))


def fetched_kernel() -> Path:
    kernel = ROOT / "build/kernel"
    if not (kernel / "vmlinuz").exists():
        run(ROOT / "initramfs/debian-kernel", kernel)
    return kernel


def second_disk(layout: Layout, image: Path) -> Path:
    """Its other disk, made anew."""
    disk.write_table(image, layout.second.size_mib, layout.second.table, "gpt")
    for partition, content in zip(disk.partitions(image), layout.second.contents, strict=True):
        content.make(image, partition)
    return image


@contextlib.contextmanager
def opened(image: Path, layout: Layout, where: Path, read_only: bool = True) -> Iterator[Path]:
    """The tree of files, as far as this machine's kernel can mount it."""
    if not layout.subvolumes:
        with disk.mounted(image, layout.mounts, where, read_only) as root:
            yield root
        return
    with tiny_btrfs.top(image, layout.root, where, read_only) as top:
        yield top / layout.subvolumes.root


def _build(image: Path, layout: Layout, kernel: Path) -> None:
    tree, esp = image.with_suffix(".tree"), image.with_suffix(".esp")
    for folder in (tree, esp):
        shutil.rmtree(folder, ignore_errors=True)
    esp.mkdir()
    system(tree, kernel, layout.modules, layout.root_type)
    uuids = {number: str(uuid.uuid4()) for number in {layout.root, layout.swap, layout.boot} - {0}}
    _fstab(tree, layout, uuids)
    loader = tiny_loaders.LOADERS[layout.loader]
    loader.configure(tiny_loaders.Golden(layout, tree, esp, uuids))
    busybox.write(tree / "root/desc", layout.desc)
    disk.write_table(image, layout.size_mib, layout.table, layout.label, layout.sector)
    there = {partition.number: partition for partition in disk.partitions(image)}
    if layout.boot:
        _ext4(image, there[layout.boot], tree / "boot", uuids[layout.boot], ())
        run("find", tree / "boot", "-mindepth", "1", "-delete")
    make_root = _ROOTS.get(layout.root_type, _strange_root)
    make_root(image, there[layout.root], tree, uuids[layout.root], layout)
    if layout.swap:
        _swap_space(image, there[layout.swap], uuids[layout.swap])
    for number, content in enumerate(layout.extra, start=layout.swap + 1):
        content.make(image, there[number])
    if layout.esp:
        _esp(image, there[layout.esp], layout, esp)
    loader.install(image, layout)
    for folder in (tree, esp):
        shutil.rmtree(folder)


def _fstab(tree: Path, layout: Layout, uuids: dict[int, str]) -> None:
    def line(identity: str, point: str, kind: str, options: str, check: int) -> str:
        if point.startswith("/"):
            (tree / point.lstrip("/")).mkdir(parents=True, exist_ok=True)
        return f"UUID={identity} {point} {kind} {options} 0 {check}\n"

    root = uuids[layout.root]
    lines = [line(root, "/", layout.root_type, layout.subvolumes.root_options if layout.subvolumes else "defaults", 1)]
    if layout.subvolumes:
        lines += [line(root, point, "btrfs", f"defaults,subvol=/{subvolume}", 0)
                  for subvolume, point in layout.subvolumes.mounts.items()]
    if layout.swap:
        lines.append(line(uuids[layout.swap], "none", "swap", "sw", 0))
    if layout.boot:
        lines.append(line(uuids[layout.boot], "/boot", "ext4", "defaults", 2))
    lines += [line(one.uuid, one.point, one.file_system, one.options, 2) for one in layout.everything_extra]
    if layout.esp:
        lines.append(line("51DE-B007", "/boot/efi", "vfat", "umask=0077", 1))
    busybox.write(tree / "etc/fstab", "".join(lines))


def _ext4(image: Path, partition: disk.Partition, tree: Path, identity: str, options: tuple[str, ...],
          label: str = "") -> None:
    run("mke2fs", "-q", "-t", "ext4", *options, "-L", label, "-U", identity, "-d", tree, "-E",
        f"offset={partition.offset}", image, f"{partition.size >> 10}k")


def _ext4_root(image: Path, partition: disk.Partition, tree: Path, identity: str, layout: Layout) -> None:
    _ext4(image, partition, tree, identity, layout.format, "tiny-root")


def _xfs_root(image: Path, partition: disk.Partition, tree: Path, identity: str, layout: Layout) -> None:
    Content("xfs", "/", 0, identity, ("mkfs.xfs", "-q", "-L", "tiny-root", "-m", f"bigtime=0,rmapbt=1,uuid={identity}",
                                      "-i", "sparse=0", *layout.format)).make(image, partition)
    with disk.mounted(image, {partition.number: "/"}, image.with_suffix(".mnt"), read_only=False) as root:
        run("cp", "--archive", f"{tree}/.", root)


def _btrfs_root(image: Path, partition: disk.Partition, tree: Path, identity: str, layout: Layout) -> None:
    tiny_btrfs.make(image, partition, tree, identity, layout.subvolumes)


def _strange_root(image: Path, partition: disk.Partition, tree: Path, identity: str, layout: Layout) -> None:
    """Of a kind that the kernel here does not know."""
    contents.root(layout.root_type, identity).make(image, partition)
    fill.with_tree(image, partition, layout.root_type, tree, kernel_modules=("crc32c_generic", *layout.modules))


_ROOTS = {"ext4": _ext4_root, "xfs": _xfs_root, "btrfs": _btrfs_root}


def _esp(image: Path, partition: disk.Partition, layout: Layout, folder: Path) -> None:
    run("mkfs.fat", "-S", layout.sector, *layout.esp_format, "-i", "51DEB007", "-n", "ESP",
        f"--offset={partition.offset // layout.sector}", image, partition.size >> 10)
    busybox.write(folder / "A file with a long name.txt", "kept\n")
    run("mcopy", "-s", "-i", f"{image}@@{partition.offset}", *sorted(folder.iterdir()), "::/")


def _swap_space(image: Path, partition: disk.Partition, identity: str) -> None:
    header = image.with_suffix(".swap")
    with header.open("wb") as file:
        file.truncate(partition.size)
    header.chmod(0o600)
    run("mkswap", "-U", identity, header)
    run("dd", f"if={header}", f"of={image}", "bs=4k", "count=1", "conv=notrunc", "oflag=seek_bytes",
        f"seek={partition.offset}")
    header.unlink()


def system(tree: Path, kernel: Path, modules: tuple[str, ...], root_type: str,
           add: Callable[[Path], None] = lambda tree: None) -> None:
    """The files of a tiny machine; `add` puts more into its tree and into its initrd."""
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "etc", "dev", "proc", "sys", "run", "mnt/ka", "root", "var/log",
                 "var/lib", "boot/grub", "srv/data", "srv/excluded", "lib64"):
        (tree / name).mkdir(parents=True)
    (tree / "tmp").mkdir(mode=0o1777)
    busybox.install(tree, TOOLS)
    for tool in TOOLS:
        busybox.install_program(tree, Path(shutil.which(tool)))
    shutil.copy(kernel / "vmlinuz", tree / "boot/vmlinuz")
    busybox.initrd(tree / "boot/initrd", kernel / "modules", MODULES, _INITRD_INIT, list(modules), root_type, add)
    add(tree)
    busybox.write(tree / "etc/rc", _RC, 0o755)
    busybox.write(tree / "etc/udhcpc", _UDHCPC, 0o755)
    busybox.write(tree / "etc/inittab", _INITTAB)
    busybox.write(tree / "etc/profile", "export PS1='root@$(hostname):~# ' HOME=/root\ncd\n")
    busybox.write(tree / "etc/passwd", "root::0:0:root:/root:/bin/sh\n")
    busybox.write(tree / "etc/group", "root:x:0:\n")
    busybox.write(tree / "etc/hostname", "golden\n")
    busybox.write(tree / "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 golden\n")
    busybox.write(tree / "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    busybox.write(tree / "srv/excluded/not-for-clones", "must not be on a clone\n")
    (tree / "srv/data/random").write_bytes(random.Random(24).randbytes(5 << 20))
    (tree / "sbin/init").symlink_to("/bin/busybox")
