"""A tiny golden machine whose file systems lie on layers: RAID, LVM, LUKS. The kernel here knows none of them, so its
disks are made by Debian's, in a machine of its own."""

import inspect
import os
import random
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import busybox, disk, fill, layers, maker, tiny, tiny_loaders
from .contents import STAGE2
from .golden import cached
from .layers import Crypt, Layer, Raid

FAT_UUID = "51DE-B007"
_MAKER_MODULES = ("virtio_rng", "squashfs", "loop", "ext4")


@dataclass(frozen=True)
class GoldenDisk:
    mib: int
    table: str = ""  # sfdisk's script, of a GPT; none: a layer has the whole disk


@dataclass(frozen=True)
class Holds:
    """A file system, or swap space."""
    kind: str  # as mount(8) calls it
    point: str = ""
    make: str = ""  # more words for mkfs


@dataclass(frozen=True)
class Layered:
    """How the machine's disks are divided, what stands on them, and what lies there."""
    image: str  # a folder
    disks: tuple[GoldenDisk, ...]
    layers: tuple[Layer, ...]
    holds: dict[str, Holds]  # by the names of layers.device
    loader: str = "grub"  # of tiny_loaders.LOADERS

    subvolumes = None
    mounted_here = False

    def of(self, point: str) -> str:
        """What holds the file system that is mounted there."""
        return next((name for name, holds in self.holds.items() if holds.point == point), "")

    @property
    def root(self) -> str:
        return self.of("/")

    @property
    def root_id(self) -> str:
        """What ka-init calls what is on it, as a pattern."""
        return re.escape(f"{Path(layers.device(self.root)).name if self.root[0].isdigit() else self.root}:fs")

    @property
    def boot(self) -> str:
        return self.of("/boot")

    @property
    def root_type(self) -> str:
        return self.holds[self.root].kind

    @property
    def boot_folder(self) -> str:
        return "" if self.boot else "/boot"

    @property
    def firmware(self) -> str:
        return "uefi" if self.esps else "bios"

    @property
    def esps(self) -> list[str]:
        """The partitions that firmware starts from."""
        holder = self.of("/boot/efi")
        return next((list(layer.on) for layer in self.layers if layer.name == holder), [holder] if holder else [])

    @property
    def points(self) -> list[str]:
        return sorted(holds.point for holds in self.holds.values() if holds.point)

    def some(self, kind: type) -> list:
        return [layer for layer in self.layers if isinstance(layer, kind)]

    def uuid(self, name: str) -> str:
        """Of a layer, or of the file system that a name holds."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.image} {name}"))

    def fs_uuid(self, name: str) -> str:
        return FAT_UUID if self.holds[name].kind == "vfat" else self.uuid(f"{name}:fs")


def layered(layout: Layered) -> Path:
    """The folder with the disks' images: disk1.img, …"""
    kernel = tiny.fetched_kernel()
    sources = "".join(inspect.getsource(inspect.getmodule(one)) for one in (
        layered, layers.device, tiny, tiny_loaders, fill, maker.part, disk, busybox.initrd))
    return cached(layout.image, sources + repr(layout) + os.readlink(kernel / "vmlinuz"),
                  lambda folder: _build(folder, layout, kernel))


def images(folder: Path, layout: Layered) -> list[Path]:
    return [folder / f"disk{number}.img" for number in range(1, 1 + len(layout.disks))]


def _build(folder: Path, layout: Layered, kernel: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tree = folder / "tree"
    needed = modules(layout)
    configure = lambda where: layers.configure(where, layout.layers, layout.uuid)  # noqa: E731
    tiny.system(tree, kernel, needed, layout.root_type, configure)
    busybox.write(tree / "etc/fstab", fstab(layout))
    _fill(tree, layout)
    _install_keys(tree, layout)
    loader = tiny_loaders.LOADERS[layout.loader]
    uuids = {name: layout.fs_uuid(name) for name in layout.holds}
    # As Debian's grub-mkconfig has it.
    root = layers.device(layout.root) if "/" in layout.root else ""
    loader.configure(tiny_loaders.Golden(layout, tree, tree / "boot/efi", uuids, root))
    write_disks(folder, layout)
    archive = fill.packed(tree, folder / "tree.tar")
    drives = [*map(maker.whole, images(folder, layout)), maker.whole(archive, True), maker.whole(STAGE2, True)]
    maker.run_inside(_script(layout), folder / "made", drives, [*_MAKER_MODULES, *needed], 512,
                     lambda where: (configure(where), _install_keys(where, layout)))
    if layout.loader == "grub":
        _install_grub(folder, layout)
    shutil.rmtree(tree)
    archive.unlink()


def write_disks(folder: Path, layout: Layered) -> None:
    """With their tables."""
    for image, golden in zip(images(folder, layout), layout.disks):
        if golden.table:
            disk.write_table(image, golden.mib, golden.table, "gpt")
        else:
            with image.open("wb") as file:
                file.truncate(golden.mib << 20)


def modules(layout: Layered) -> tuple[str, ...]:
    kinds = {"xfs": ("xfs",), "vfat": ("vfat", "nls_cp437", "nls_ascii", "nls_utf8"), "ext4": (), "swap": ()}
    found = [module for holds in layout.holds.values() for module in kinds[holds.kind]]
    return tuple(dict.fromkeys([*layers.modules(layout.layers), *found, *(["efivarfs"] if layout.esps else [])]))


def fstab(layout: Layered) -> str:
    """Volumes by their names, as Debian's installer has it; all else by UUID."""
    lines = []
    for name in sorted(layout.holds, key=lambda name: layout.holds[name].point or "none"):
        holds = layout.holds[name]
        spec = layers.device(name) if "/" in name else f"UUID={layout.fs_uuid(name)}"
        options = {"vfat": "umask=0077", "swap": "sw"}.get(holds.kind, "defaults")
        lines.append(f"{spec} {holds.point or 'none'} {holds.kind} {options} 0 {1 if holds.point == '/' else 2}\n")
    return "".join(lines)


def _fill(tree: Path, layout: Layered) -> None:
    """Some files for every file system of data."""
    for point in layout.points:
        place = tree / point.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        if point.startswith("/boot"):
            continue
        place = place / "files"
        (place / "deep/er").mkdir(parents=True)
        (place / "random").write_bytes(random.Random(point).randbytes(1_300_000))
        (place / "a name with blanks").write_text(f"on {point}\n")
        (place / "deep/er/link").hardlink_to(place / "random")
        (place / "symlink").symlink_to("/nowhere")
        os.mkfifo(place / "fifo", 0o640)
        os.chown(place / "a name with blanks", 1234, 567)
        os.utime(place / "deep", (1e9, 1e9))
    if layout.some(Crypt):
        busybox.write(tree / "root/passphrase", layers.PASSPHRASE, 0o600)


def _install_keys(tree: Path, layout: Layered) -> None:
    for crypt in layout.some(Crypt):
        if crypt.key:
            busybox.write(tree / crypt.key.lstrip("/"), f"the key of {crypt.name}", 0o600)


_MAKE = {
    "ext4": "mke2fs -q -t ext4 {more} -L {label} -U {uuid} {device}",
    "xfs": "mkfs.xfs -q -K -f {more} -L {label} -m uuid={uuid} {device}",
    "swap": "mkswap -U {uuid} {device}",
    "vfat": "mkfs.fat {more} -i {short} -n ESP {device}",
}


def _script(layout: Layered) -> str:
    last = len(layout.disks)
    archive, stage2 = (layers.device(str(number), layers.MAKER_DISKS) for number in (last + 1, last + 2))
    text = ["mkdir -p /run /stage2", f"mount -t squashfs -r {stage2} /stage2", "mount --bind /dev /stage2/dev",
            "mount --bind /proc /stage2/proc"]
    text += make(layout)
    for number, (name, holds) in enumerate(layout.holds.items()):
        command = _MAKE[holds.kind].format(more=holds.make, label=f"tiny{number}", uuid=layout.fs_uuid(name),
                                           short=FAT_UUID.replace("-", ""),
                                           device=layers.device(name, layers.MAKER_DISKS))
        text.append(f"chroot /stage2 /usr/sbin/{command} > /dev/null")
    for point in layout.points:
        holder = layout.of(point)
        kind = layout.holds[holder].kind.replace("vfat", "vfat -o quiet")
        text += [f"mkdir -p /root{point}",
                 f"mount -t {kind} {layers.device(holder, layers.MAKER_DISKS)} /root{point}"]
    text += [f"tar -xf {archive} -C /root"]
    text += [f"umount /root{point}" for point in reversed(layout.points)]
    return "\n".join([*text, *stop(layout)]) + "\n"


def make(layout: Layered) -> list[str]:
    """The commands that make its layers, on the disks of rack.maker."""
    return [layer.make(layout.uuid).rstrip("\n") for layer in layout.layers]


def stop(layout: Layered) -> list[str]:
    """From the top down, when all legs are equal."""
    text = ["sync"]
    for layer in reversed(layout.layers):
        match layer:
            case Raid():
                # Status 1: there was nothing to wait for.
                text += [f"mdadm --wait /dev/{layer.name} || test $? = 1", f"mdadm --stop --quiet /dev/{layer.name}"]
            case layers.Group():
                text.append(f"lvm vgchange -qq -an {layer.name}")
            case Crypt():
                text.append(f"cryptsetup close {layer.name}")
    return text


def _install_grub(folder: Path, layout: Layered) -> None:
    """On every disk that has a place for it."""
    holder = layout.boot or layout.root
    if holder[0].isdigit():
        where = f",gpt{holder.partition('.')[2]}"
    elif holder.startswith("md"):
        where = f"mduuid/{layout.uuid(holder).replace('-', '')}"
    else:
        where = f"lvm/{Path(layers.device(holder)).name}"
    for image, golden in zip(images(folder, layout), layout.disks):
        if disk.BIOS_BOOT in golden.table:
            disk.write_grub(image, f"({where}){layout.boot_folder}/grub",
                            more=("diskfilter", "mdraid09", "mdraid1x", "raid5rec", "raid6rec", "lvm"))
