"""A Debian 12 as its installer leaves it on two disks: an EFI system partition on both (RAID1, metadata 1.0), and RAID1
with LVM on it: /, /var, swap, and a thin pool with /home. Debian's kernel makes the layers in a machine of its own; the
file systems are made here and copied onto them."""

import inspect
import shutil
from pathlib import Path

from . import awkward, busybox, disk, golden, layered, layers, maker
from .golden import cached
from .layered import GoldenDisk, Holds, Layered
from .layers import Group, Pool, Raid, Thin, Volume
from .sandbox import run

PACKAGES = ["linux-image-amd64", "grub-efi-amd64-signed", "grub-efi-amd64", "shim-signed", "systemd-sysv", "udev",
            "kmod", "initramfs-tools", "zstd", "dbus", "login", "openssh-server", "iproute2", "acl", "attr",
            "libcap2-bin", "e2fsprogs", "dosfstools", "efibootmgr", "fdisk", "tar", "mdadm", "lvm2",
            "thin-provisioning-tools"]
_TABLE = 'start=1MiB, size=64MiB, type=U, name="EFI System Partition"\nsize=3000MiB, type=R\n'
LAYOUT = Layered("debian12-raid", (GoldenDisk(3080, _TABLE),) * 2,
                 (Raid("md0", "1", ("1.1", "2.1"), metadata="1.0", more="--assume-clean"),
                  Raid("md1", "1", ("1.2", "2.2"), more="--assume-clean"),
                  Group("vg0", ("md1",)), Volume("vg0/root", 1800), Volume("vg0/var", 700), Volume("vg0/swap", 120),
                  Pool("vg0/pool", 200), Thin("vg0/home", 400, pool="vg0/pool")),
                 {"md0": Holds("vfat", "/boot/efi"), "vg0/root": Holds("ext4", "/"), "vg0/var": Holds("ext4", "/var"),
                  "vg0/home": Holds("ext4", "/home"), "vg0/swap": Holds("swap")}, loader="shim")
# As files on this machine; a FAT it need not know.
FLAT = ("vg0/root", "vg0/var", "vg0/home")
_SIZES = {"md0": 63} | {layer.name: layer.mib for layer in LAYOUT.layers if isinstance(layer, Volume)}
_MODULES = [*layered.modules(LAYOUT), "virtio_rng", "ext4"]
# All that the machines here have, and no more: each clone makes its initrd anew, and emulated, hundreds take an hour.
_INITRD = {"etc/initramfs-tools/conf.d/modules": "MODULES=list\n",
           "etc/initramfs-tools/modules": "ahci\nsd_mod\nnvme\nvirtio_pci\nvirtio_scsi\next4\nvfat\n"}


def debian12_raid() -> Path:
    """The folder of its disks' images."""
    system = cached("debian12-raid.tar", repr((PACKAGES, _INITRD)) + inspect.getsource(golden.bootstrap),
                    lambda tarball: golden.bootstrap(tarball, "bookworm", PACKAGES, _INITRD))
    key = "".join(map(inspect.getsource, map(inspect.getmodule, (
        debian12_raid, layers.device, layered.layered, maker.part, awkward.populate))))
    key += inspect.getsource(golden.configure) + str(system.stat().st_mtime_ns)
    return cached(LAYOUT.image, key, lambda folder: _build(folder, system))


def flat(name: str, folder: Path) -> Path:
    """Where in the folder a file system lies as a file of its own."""
    return folder / f"{name.replace('/', '-')}.flat"


def _build(folder: Path, system: Path) -> None:
    disk.free_space_or_fail(folder.parent, 8000, "The rack's golden Debian 12 on RAID")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _make_file_systems(folder)
    root = folder / "mnt"
    with mounted(folder, root):
        run("tar", "--extract", "--file", system, "--directory", root, "--numeric-owner", "--xattrs",
            "--xattrs-include=*")
        _configure(root)
        awkward.populate(root)
        awkward.flag(root)
        run("cp", "-a", "/etc/services", root / "home/services")
    layered.write_disks(folder, LAYOUT)
    names = [name for name in LAYOUT.holds if flat(name, folder).exists()]
    drives = [maker.whole(image) + ",detect-zeroes=unmap,discard=unmap" for image in layered.images(folder, LAYOUT)]
    drives += [maker.whole(flat(name, folder), read_only=True) for name in names]
    maker.run_inside(_script(names), folder / "made", drives, _MODULES, 768, _programs)
    for name in names:
        flat(name, folder).unlink()
    root.rmdir()


def mounted(folder: Path, where: Path):
    """The flat files of a folder, as one tree."""
    return disk.mounted_files({LAYOUT.holds[name].point: flat(name, folder) for name in FLAT}, where)


def _make_file_systems(folder: Path) -> None:
    for name, holds in LAYOUT.holds.items():
        file, identity = flat(name, folder), LAYOUT.fs_uuid(name)
        with file.open("wb") as made:
            made.truncate(_SIZES[name] << 20)
        file.chmod(0o600)
        run(*{"ext4": ("mke2fs", "-q", "-t", "ext4", "-U", identity), "swap": ("mkswap", "-U", identity),
              "vfat": ("mkfs.fat", "-F", "32", "-s", "1", "-i", identity.replace("-", ""), "-n", "ESP")}[holds.kind],
            file)


def _configure(root: Path) -> None:
    golden.configure(root, layered.fstab(LAYOUT))
    with (root / "etc/default/grub").open("a") as file:
        file.write('GRUB_TERMINAL="console"\n')  # the firmware's, which is the serial line
    for point in LAYOUT.points:
        (root / point.lstrip("/")).mkdir(parents=True, exist_ok=True)
    # As the installer and mdadm's own mkconf write them, with the arrays' names.
    arrays = "".join(f"ARRAY /dev/md/{raid.number}  metadata={raid.metadata} "
                     f"UUID={layers.mdadm_uuid(LAYOUT.uuid(raid.name))} name=golden:{raid.number}\n"
                     for raid in LAYOUT.some(Raid))
    (root / "etc/mdadm/mdadm.conf").write_text(f"HOMEHOST <system>\nMAILADDR root\n{arrays}")
    (root / "etc/initramfs-tools/conf.d/resume").write_text("RESUME=/dev/mapper/vg0-swap\n")
    with disk.chroot_mounts(root):
        run("chroot", root, "update-initramfs", "-u")


def _script(names: list[str]) -> str:
    """All layers, what lies on them, and GRUB, by the system's own programs, which find it all as it will be."""
    first = len(LAYOUT.disks) + 1
    text = ["mkdir -p /run", *layered.make(LAYOUT)]
    text += [_copy(layers.device(str(number), layers.MAKER_DISKS), layers.device(name))
             for number, name in enumerate(names, start=first)]
    text += [f"mount -t {LAYOUT.holds[LAYOUT.of(point)].kind} {layers.device(LAYOUT.of(point))} /root{point}"
             for point in LAYOUT.points]
    text += [f"mount --bind /{name} /root/{name}" for name in ("dev", "proc", "sys", "run")]
    # There is no udev that LVM could wait for.
    text += ["mount --bind /etc/lvm/lvm.conf /root/etc/lvm/lvm.conf",
             "chroot /root /usr/sbin/grub-install --target=x86_64-efi --uefi-secure-boot --no-nvram "
             "--bootloader-id=debian",
             "chroot /root /usr/sbin/update-grub", "umount /root/etc/lvm/lvm.conf"]
    text += [f"umount /root/{name}" for name in ("run", "sys", "proc", "dev")]
    text += [f"umount /root{point}" for point in reversed(LAYOUT.points)]
    return "\n".join([*text, *layered.stop(LAYOUT)]) + "\n"


def _copy(source: str, target: str) -> str:
    """Onto zeros, of which a thin volume has room for no more."""
    return f"/sbin/dd if={source} of={target} bs=64k conv=sparse,fsync"


def _programs(tree: Path) -> None:
    layers.configure(tree, LAYOUT.layers, LAYOUT.uuid)
    busybox.install_program(tree, Path("/bin/dd"), Path("/sbin/dd"))


def flatten(disks: list[Path], folder: Path) -> None:
    """The file systems of a machine that is off, as files; its disks stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    drives = [maker.whole(image) + ",snapshot=on" for image in disks]
    for name in FLAT:
        with flat(name, folder).open("wb") as file:
            file.truncate(4 << 30)
        drives.append(maker.whole(flat(name, folder)) + ",detect-zeroes=unmap,discard=unmap")
    text = [". /etc/layers", "assemble_rest || true"]
    text += [_copy(layers.device(name), layers.device(str(number), layers.MAKER_DISKS))
             for number, name in enumerate(FLAT, start=len(disks) + 1)]
    maker.run_inside("\n".join(text) + "\n", folder / "made", drives, _MODULES, 768, _programs)
