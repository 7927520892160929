"""The tiny golden machine, for the tests that are about KA and not about Debian: busybox, Debian's kernel, an initrd
with the drivers that QEMU's hardware needs, and what ka-server asks about a system with (tar, blkid, sfdisk, dumpe2fs).
It boots in ten seconds and is cloned in as many; stage2 is on a disk of its own, mounted on /mnt/ka."""

import inspect
import os
import random
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from . import contents, disk
from .contents import Content
from .golden import ROOT, cached
from .sandbox import run, run_bytes


@dataclass(frozen=True)
class Layout:
    """How the tiny golden machine's disk is divided."""
    image: str
    label: str  # of the partition table
    size_mib: int
    table: str  # sfdisk's script
    desc: str
    root: int  # the partition of / ...
    swap: int  # ... and of the swap space
    grub: str = ""  # GRUB's name of the root partition; "": it does not start by GRUB for BIOS
    format: tuple[str, ...] = ()  # more words for mkfs
    extra: tuple[Content, ...] = ()  # beside / and the swap space
    modules: tuple[str, ...] = ()  # of the kernel, for them
    root_type: str = "ext4"
    esp: int = 0  # the EFI system partition; 0: it does not start by UEFI
    esp_format: tuple[str, ...] = ()  # more words for mkfs.fat
    sector: int = 512  # of the disk

    @property
    def mounts(self) -> dict[int, str]:
        """Those that this machine's kernel can mount: FAT is looked at by mtools."""
        return {self.root: "/"}

    @property
    def firmware(self) -> str:
        return "uefi" if self.esp else "bios"


DOS = Layout("tiny.img", "dos", 58, "start=1MiB, size=50MiB, type=83, bootable\ntype=82\n", "linux 50\nswap fill\n",
             root=1, swap=2, grub="msdos1")
# Numbers that are not in the order of the disk, a name with a blank, an attribute, the root partition last.
GPT = Layout("tiny-gpt.img", "gpt", 62,
             'partition3: start=1MiB, size=1MiB, type=' + disk.BIOS_BOOT + ', attrs="RequiredPartition"\n'
             'partition2: size=6MiB, type=S\n'
             'partition5: size=50MiB, type=L, name="the root", attrs="GUID:60"\n',
             "3: bios 1\n2: swap 6\n5: linux fill\n", root=5, swap=2, grub="gpt5")
# What extlinux of that age does not read, or not beyond a few blocks (extents).
EXTLINUX = Layout("tiny-extlinux.img", "dos", 58, DOS.table, DOS.desc, root=1, swap=2, grub="",
                  format=("-O", "^64bit,^metadata_csum,^extent"))
# As Debian installs it: signed shim and GRUB in \\EFI\\debian, and nothing in \\EFI\\BOOT.
UEFI = Layout("tiny-uefi.img", "gpt", 92,
              'partition1: start=1MiB, size=20MiB, type=U, name="EFI System Partition"\n'
              "partition2: size=6MiB, type=S\n"
              "partition3: size=60MiB, type=L\n",
              "1: efi 20\n2: swap 6\n3: linux fill\n", root=3, swap=2, esp=1,
              modules=("nvme", "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "efivarfs"))
# A file system of each kind; those that this machine cannot mount are filled and looked at by the machines themselves.
KINDS = Layout("tiny-kinds.img", "gpt", 62 + contents.size_mib(contents.KINDS),
               'start=1MiB, size=1MiB, type=' + disk.BIOS_BOOT + '\nsize=6MiB, type=S\n' +
               "".join(f"size={c.mib}MiB, type={c.type}\n" for c in contents.KINDS) + 'type=L, name="the root"\n',
               "", root=3 + len(contents.KINDS), swap=2, grub=f"gpt{3 + len(contents.KINDS)}", extra=contents.KINDS,
               modules=contents.MODULES)
# An XFS with what GRUB could read long ago, and with a log of the least that mkfs.xfs makes.
XFS = Layout("tiny-xfs.img", "gpt", 330, 'start=1MiB, size=1MiB, type=' + disk.BIOS_BOOT +
             '\nsize=6MiB, type=S\nsize=320MiB, type=L\n', "1: bios 1\n2: swap 6\n3: linux fill\n", root=3, swap=2,
             grub="gpt3", modules=("xfs",), root_type="xfs")
# A FAT32 of 512-byte sectors as it is, which on 4096-byte sectors has too few clusters; ext4 in blocks of 1024 bytes.
UEFI_512 = replace(UEFI, image="tiny-uefi-512.img", size_mib=110, esp_format=("-F", "32", "-s", "1"),
                   table=UEFI.table.replace("20MiB", "36MiB"))
UEFI_4096 = replace(UEFI, image="tiny-uefi-4096.img", size_mib=340, esp_format=("-F", "32", "-s", "1"), sector=4096,
                    table=UEFI.table.replace("20MiB", "260MiB"), format=("-b", "4096"))
# Twice as large as what is in it.
ROOMY = replace(DOS, image="tiny-roomy.img", size_mib=128, table=DOS.table.replace("50MiB", "120MiB"))
# It knows a reader of SD cards.
SD = replace(DOS, image="tiny-sd.img", modules=("sdhci_pci", "mmc_block"))
LAYOUTS = {"tiny": DOS, "tiny-gpt": GPT, "tiny-extlinux": EXTLINUX, "tiny-kinds": KINDS, "tiny-xfs": XFS,
           "tiny-uefi": UEFI, "tiny-uefi-512": UEFI_512, "tiny-uefi-4096": UEFI_4096, "tiny-roomy": ROOMY,
           "tiny-sd": SD}
MOUNTS = DOS.mounts

UNPACKED_EXTLINUX = ROOT / "build/unpacked/usr/bin/extlinux"
TOOLS = ["tar", "blkid", "sfdisk", "dumpe2fs"]
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
until device=$(findfs $root 2>/dev/null); do sleep 0.1; done
mount -t $(cat /root-type) $flags $device /root
mount --move /dev /root/dev; mount --move /proc /root/proc; mount --move /sys /root/sys
exec switch_root /root /sbin/init
"""

_RC = """\
#!/bin/sh
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
hostname "$(cat /etc/hostname)"
swapon -a
while read -r spec point type options rest; do
  [ $point = / ] || [ $type = swap ] || mount -t $type -o $options $(blkid -U ${spec#UUID=}) $point
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

_GRUB = """\
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
search --no-floppy --fs-uuid --set=root {uuid}
menuentry golden {{
  linux /boot/vmlinuz root=UUID={uuid} console=ttyS0,115200 quiet
  initrd /boot/initrd
}}
"""

_EXTLINUX = """\
SERIAL 0 115200
DEFAULT golden
LABEL golden
  LINUX /boot/vmlinuz
  INITRD /boot/initrd
  APPEND root=UUID={uuid} console=ttyS0,115200 quiet
"""
_SYSLINUX_MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")


# The firmware's console is the serial line already.
_GRUB_UEFI = _GRUB.replace("serial --unit=0 --speed=115200\nterminal_output serial\n", "")
# What Debian's GRUB finds beside itself.
_GRUB_STUB = """\
search.fs_uuid {uuid} root
set prefix=($root)'/boot/grub'
configfile $prefix/grub.cfg
"""


def tiny(layout: Layout = DOS) -> Path:
    """The disk image of the tiny golden machine."""
    kernel = ROOT / "build/kernel"
    if not (kernel / "vmlinuz").exists():
        run(ROOT / "initramfs/debian-kernel", kernel)
    key = inspect.getsource(inspect.getmodule(tiny)) + inspect.getsource(contents) + os.readlink(kernel / "vmlinuz")
    return cached(layout.image, key, lambda image: _build(image, layout, kernel))


def _build(image: Path, layout: Layout, kernel: Path) -> None:
    tree = image.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    _system(tree, kernel, layout)
    root_uuid, swap_uuid = str(uuid.uuid4()), str(uuid.uuid4())
    fstab = "".join(f"UUID={c.uuid} {c.point} {c.file_system} {c.options} 0 2\n" for c in layout.extra)
    if layout.esp:
        fstab += "UUID=51DE-B007 /boot/efi vfat umask=0077 0 1\n"
        (tree / "boot/efi").mkdir()
    _write(tree / "etc/fstab", f"UUID={root_uuid} / {layout.root_type} defaults 0 1\n"
                               f"UUID={swap_uuid} none swap sw 0 0\n{fstab}")
    if layout.grub or layout.esp:
        _write(tree / "boot/grub/grub.cfg", (_GRUB_UEFI if layout.esp else _GRUB).format(uuid=root_uuid))
    else:
        _extlinux_files(tree, root_uuid)
    _write(tree / "root/desc", layout.desc)
    disk.write_table(image, layout.size_mib, layout.table, layout.label, layout.sector)
    there = {partition.number: partition for partition in disk.partitions(image)}
    root = there[layout.root]
    _ROOTS[layout.root_type](image, root, tree, root_uuid, layout.format)
    _swap_space(image, there[layout.swap], swap_uuid)
    for number, content in enumerate(layout.extra, start=layout.swap + 1):
        content.make(image, there[number])
    if layout.grub:
        disk.write_grub(image, f"(,{layout.grub})/boot/grub")
    elif not layout.esp:
        with disk.mounted(image, layout.mounts, image.with_suffix(".mnt"), read_only=False) as top:
            run(UNPACKED_EXTLINUX, "--install", top / "boot/extlinux")
        with image.open("r+b") as file:
            file.write(_SYSLINUX_MBR.read_bytes())
    if layout.esp:
        _esp(image, there[layout.esp], layout, _GRUB_STUB.format(uuid=root_uuid))
    shutil.rmtree(tree)


def _extlinux_files(tree: Path, root_uuid: str) -> None:
    shutil.rmtree(tree / "boot/grub")
    (tree / "boot/extlinux").mkdir()
    _write(tree / "boot/extlinux/extlinux.conf", _EXTLINUX.format(uuid=root_uuid))
    install_program(tree, UNPACKED_EXTLINUX, Path("/usr/bin/extlinux"))
    (tree / str(_SYSLINUX_MBR.parent).lstrip("/")).mkdir(parents=True, exist_ok=True)
    shutil.copy(_SYSLINUX_MBR, tree / str(_SYSLINUX_MBR).lstrip("/"))


def _ext4_root(image: Path, partition: disk.Partition, tree: Path, identity: str, options: tuple[str, ...]) -> None:
    run("mke2fs", "-q", "-t", "ext4", *options, "-L", "tiny-root", "-U", identity, "-d", tree, "-E",
        f"offset={partition.offset}", image, f"{partition.size >> 10}k")


def _xfs_root(image: Path, partition: disk.Partition, tree: Path, identity: str, options: tuple[str, ...]) -> None:
    Content("xfs", "/", 0, identity, ("mkfs.xfs", "-q", "-L", "tiny-root", "-m", f"bigtime=0,rmapbt=1,uuid={identity}",
                                      "-i", "sparse=0", *options)).make(image, partition)
    with disk.mounted(image, {partition.number: "/"}, image.with_suffix(".mnt"), read_only=False) as root:
        run("cp", "--archive", f"{tree}/.", root)


_ROOTS = {"ext4": _ext4_root, "xfs": _xfs_root}


def _esp(image: Path, partition: disk.Partition, layout: Layout, stub: str) -> None:
    run("mkfs.fat", "-S", layout.sector, *layout.esp_format, "-i", "51DEB007", "-n", "ESP",
        f"--offset={partition.offset // layout.sector}", image, partition.size >> 10)
    folder = image.with_suffix(".esp")
    (folder / "EFI/debian").mkdir(parents=True)
    packages = ROOT / "build/unpacked/usr/lib"
    for name in ("shim/shimx64", "grub/x86_64-efi-signed/grubx64"):
        shutil.copy(packages / f"{name}.efi.signed", folder / f"EFI/debian/{Path(name).name}.efi")
    _write(folder / "EFI/debian/grub.cfg", stub)
    csv = "shimx64.efi,debian,,This is the boot entry for debian\n"
    (folder / "EFI/debian/BOOTX64.CSV").write_bytes(b"\xff\xfe" + csv.encode("utf-16le"))
    _write(folder / "A file with a long name.txt", "kept\n")
    run("mcopy", "-s", "-i", f"{image}@@{partition.offset}", *sorted(folder.iterdir()), "::/")
    shutil.rmtree(folder)


def _swap_space(image: Path, partition: disk.Partition, identity: str) -> None:
    header = image.with_suffix(".swap")
    with header.open("wb") as file:
        file.truncate(partition.size)
    header.chmod(0o600)
    run("mkswap", "-U", identity, header)
    run("dd", f"if={header}", f"of={image}", "bs=4k", "count=1", "conv=notrunc", "oflag=seek_bytes",
        f"seek={partition.offset}")
    header.unlink()


def _system(tree: Path, kernel: Path, layout: Layout) -> None:
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "etc", "dev", "proc", "sys", "run", "mnt/ka", "root", "var/log",
                 "var/lib", "boot/grub", "srv/data", "srv/excluded", "lib64"):
        (tree / name).mkdir(parents=True)
    for content in layout.extra:
        (tree / content.point.lstrip("/")).mkdir(parents=True)
    (tree / "tmp").mkdir(mode=0o1777)
    _busybox(tree)
    for tool in TOOLS:
        install_program(tree, Path(shutil.which(tool)))
    shutil.copy(kernel / "vmlinuz", tree / "boot/vmlinuz")
    busybox_initrd(tree / "boot/initrd", kernel / "modules", MODULES, _INITRD_INIT, list(layout.modules),
                   layout.root_type)
    _write(tree / "etc/rc", _RC, 0o755)
    _write(tree / "etc/udhcpc", _UDHCPC, 0o755)
    _write(tree / "etc/inittab", _INITTAB)
    _write(tree / "etc/profile", "export PS1='root@$(hostname):~# ' HOME=/root\ncd\n")
    _write(tree / "etc/passwd", "root::0:0:root:/root:/bin/sh\n")
    _write(tree / "etc/group", "root:x:0:\n")
    _write(tree / "etc/hostname", "golden\n")
    _write(tree / "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 golden\n")
    _write(tree / "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    _write(tree / "srv/excluded/not-for-clones", "must not be on a clone\n")
    (tree / "srv/data/random").write_bytes(random.Random(24).randbytes(5 << 20))
    (tree / "sbin/init").symlink_to("/bin/busybox")


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)


def _busybox(tree: Path) -> None:
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    for applet in run("busybox", "--list").split():
        if applet not in (*TOOLS, "busybox", "init"):
            (tree / "bin" / applet).symlink_to("busybox")


def install_program(tree: Path, program: Path, place: Path | None = None) -> None:
    """A program of this machine (at `place`) and the libraries that ldd names, at their own paths."""
    needed = [program]
    for word in run("sh", "-c", 'ldd "$1" || true', "sh", program).split():
        if word.startswith("/"):
            needed.append(Path(word))
    for file in needed:
        target = tree / str(place if place and file == program else file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def busybox_initrd(initrd: Path, modules: Path, wanted: list[str], init: str, more: list[str] = [],
                   root_type: str = "") -> None:
    """An initrd of busybox, the wanted modules with all they depend on, and a script that is /init. The names of the
    modules in `more` are in /modules."""
    wanted = wanted + more
    tree = initrd.with_suffix(".tree")
    version = modules.resolve().name
    for name in ("bin", "dev", "proc", "sys", "root"):
        (tree / name).mkdir(parents=True)
    _busybox(tree)
    _write(tree / "init", init, 0o755)
    _write(tree / "root-type", root_type + "\n")
    _write(tree / "modules", " ".join(more) + "\n")
    base = modules.resolve().parents[2]
    listed = run("modprobe", "--show-depends", "--ignore-install", "-d", base, "-S", version, "-a", *wanted)
    for line in listed.splitlines():
        if line.startswith("insmod "):
            file = Path(line.split()[1])
            target = tree / "lib/modules" / version / file.relative_to(modules.resolve())
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    run("depmod", "-b", tree, version)
    names = b"\0".join(os.fsencode(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = run_bytes("cpio", "--null", "--create", "--format=newc", "--quiet", input=names, cwd=tree)
    initrd.write_bytes(run_bytes("zstd", "-q", "-12", input=archive))
    shutil.rmtree(tree)
