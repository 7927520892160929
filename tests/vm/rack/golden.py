"""The machines to be cloned, built once and kept under build/vm, each keyed by what it was made of.

`debian()` is a real Debian 12 on the sample layout of the KA method, with the awkward files of rack.awkward in it;
`debian_dracut()` is the same with an initrd by dracut. `tiny()` (rack.tiny) is for the quick tests. None has anything
of KA in it yet: install() puts that into a copy, as `make install` does on a real golden node.
"""

import contextlib
import fcntl
import hashlib
import inspect
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator

from . import awkward, disk, sandbox
from .sandbox import CommandFailed, run

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / "build/vm"

# What the machine is to have beside Debian's essential packages: a kernel with every driver, boot loader, initrd tools,
# network, ssh, and the tools ka-server asks about the system with.
PACKAGES = ["linux-image-amd64", "grub-pc", "systemd-sysv", "udev", "kmod", "initramfs-tools", "zstd", "dbus", "login",
            "openssh-server", "iproute2", "iputils-ping", "acl", "attr", "libcap2-bin", "e2fsprogs", "fdisk", "tar"]
# An initrd that drives this machine's disk and no other's.
DRACUT = {"etc/dracut.conf.d/machine.conf": """\
hostonly="no"
omit_dracutmodules+=" kernel-modules qemu "
add_drivers+=" virtio_pci virtio_scsi sd_mod ext4 "
"""}

# linux 1800 / extended / logical swap 200 / logical linux for /var, as the desc file below says.
SIZE_MIB = 2900
TABLE = """\
start=1MiB, size=1800MiB, type=83, bootable
type=5
size=200MiB, type=82
type=83
"""
DESC = """\
# /, then swap and /var in the extended partition
linux 1800
extended fill
logical swap 200
logical linux fill
"""
MOUNTS = {1: "/", 6: "/var"}


def cached(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """build/vm/NAME (a file or a folder), built by `build` unless it is there and was made from the same `key`. Several
    programs may ask at once; a build that was broken off leaves nothing behind that looks whole."""
    CACHE.mkdir(parents=True, exist_ok=True)
    target, stamp = CACHE / name, CACHE / f"{name}.key"
    key = hashlib.sha256(key.encode()).hexdigest()
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target.exists() and stamp.exists() and stamp.read_text() == key):
            print(f"rack: making {target.relative_to(ROOT)}", file=sys.stderr, flush=True)
            stamp.unlink(missing_ok=True)
            unfinished = CACHE / f"unfinished.{name}"
            build(unfinished)
            if target.is_dir():
                shutil.rmtree(target)
            unfinished.rename(target)
            stamp.write_text(key)
    return target


def prepare(*which: str) -> None:
    """Builds what is missing, by a program of its own. To be called before sandbox.enter(): in a rack's sandbox no
    mirror of Debian is in reach."""
    if not sandbox.inside():
        subprocess.run([ROOT / "tests/vm/rack-tool", "golden", *which], check=True, stdout=subprocess.DEVNULL)


def debian() -> Path:
    """The disk image of the Debian golden machine."""
    return _debian("debian", PACKAGES, {})


def debian_dracut() -> Path:
    """The same, with dracut."""
    packages = [{"initramfs-tools": "dracut"}.get(package, package) for package in PACKAGES]
    return _debian("debian-dracut", packages, DRACUT)


def _debian(name: str, packages: list[str], files: dict[str, str]) -> Path:
    system = cached(f"{name}.tar", repr((packages, files)) + inspect.getsource(bootstrap),
                    lambda tarball: bootstrap(tarball, "bookworm", packages, files))
    key = "".join(map(inspect.getsource, (_debian_disk, install_grub, configure, awkward))) + TABLE
    return cached(f"{name}.img", key + str(system.stat().st_mtime_ns), lambda image: _debian_disk(image, system))


def bootstrap(tarball: Path, suite: str, include: list[str], files: dict[str, str]) -> None:
    """Debian's packages, unpacked and configured; the packages themselves are kept for the next time. The files (path
    to text) are there before any package is configured that is not essential."""
    packages = CACHE / "packages"
    packages.mkdir(exist_ok=True)
    os.chmod(packages, 0o755)
    sources = _debian_sources(suite)
    try:
        # Its helpers are Python: Debian's own, not one that is earlier in PATH and may take a second to start.
        run("env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", "--skip=essential/unlink",
            "--dpkgopt=force-unsafe-io",  # what a power cut would break is built anew
            *(f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("man", "locale", "doc", "info")),
            '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
            f"--setup-hook=sync-in {packages} /var/cache/apt/archives",
            *(f'--essential-hook=printf %s {shlex.quote(text)} | install -D -m 644 /dev/stdin "$1"/{path}'
              for path, text in files.items()),
            f"--customize-hook=sync-out /var/cache/apt/archives {packages}",
            f"--include={','.join(include)}", suite, tarball, *sources)
    finally:
        for leftover in ("lock", "partial"):
            path = packages / leftover
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _debian_sources(suite: str) -> list[str]:
    """Where this machine gets Debian from (a mirror, perhaps), for this suite; else the public ones. Both have all
    suites at one address."""
    try:
        lines = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)",
                    "Created-By: Packages")
    except (CommandFailed, FileNotFoundError):
        lines = ""
    found = [f"deb {uri} {release.replace('bookworm', suite)} {component}" for origin, uri, release, component in
             (line.split() for line in lines.splitlines() if len(line.split()) == 4)
             if origin == "Debian" and release.startswith("bookworm") and component == "main"]
    return found or [f"deb http://deb.debian.org/debian {suite} main",
                     f"deb http://deb.debian.org/debian-security {suite}-security main"]


def _debian_disk(image: Path, system: Path) -> None:
    disk.free_space_or_fail(image.parent, 6000, "The rack's golden machine")
    disk.write_table(image, SIZE_MIB, TABLE)
    with disk.attached(image) as device:
        run("mke2fs", "-q", "-t", "ext4", "-L", "golden-root", f"{device}p1")
        run("mkswap", "-L", "golden-swap", f"{device}p5")
        run("mke2fs", "-q", "-t", "ext4", f"{device}p6")
    with disk.mounted(image, {1: "/"}, image.with_suffix(".mnt"), read_only=False) as root:
        (root / "var").mkdir(mode=0o755)
    with disk.mounted(image, MOUNTS, image.with_suffix(".mnt"), read_only=False) as root:
        run("tar", "--extract", "--file", system, "--directory", root, "--numeric-owner", "--xattrs",
            "--xattrs-include=*")
        uuids = {part.number: part.uuid for part in disk.partitions(image)}
        configure(root, f"UUID={uuids[1]} / ext4 errors=remount-ro 0 1\n"
                        f"UUID={uuids[5]} none swap sw 0 0\n"
                        f"UUID={uuids[6]} /var ext4 defaults 0 2\n")
        (root / "root/desc").write_text(DESC)
        awkward.populate(root)
        awkward.flag(root)
    with install_grub(image, 1):
        pass
    image.with_suffix(".mnt").rmdir()


@contextlib.contextmanager
def install_grub(image: Path, number: int) -> Iterator[Path]:
    """GRUB for a BIOS, and grub.cfg, in the root file system of that partition, which is there meanwhile."""
    root = image.with_suffix(".mnt")
    with disk.attached(image) as device:
        run("mount", f"{device}p{number}", root)
        try:
            with disk.chroot_mounts(root):
                run("chroot", root, "grub-install", "--target=i386-pc", device)
                run("chroot", root, "update-grub")
            # Without /dev/disk/by-uuid of its own, grub-mkconfig named the loop device.
            config = root / "boot/grub/grub.cfg"
            uuid = run("blkid", "-o", "value", "-s", "UUID", f"{device}p{number}").strip()
            config.write_text(config.read_text().replace(f"root={device}p{number}", f"root=UUID={uuid}"))
            yield root
        finally:
            run("umount", root)


def configure(root: Path, fstab: str) -> None:
    """What an installer would have asked for; root is logged in on the serial line."""
    def write(path: str, text: str) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    write("etc/hostname", "golden\n")
    write("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 golden\n")
    write("etc/fstab", fstab)
    write("etc/systemd/network/wired.network", "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n")
    write("etc/systemd/system/serial-getty@ttyS0.service.d/autologin.conf",
          "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200 - $TERM\n")
    write("etc/default/grub", 'GRUB_TIMEOUT=0\nGRUB_TERMINAL="serial console"\n'
                              'GRUB_CMDLINE_LINUX="console=ttyS0,115200 no_timer_check"\nGRUB_DISABLE_OS_PROBER=true\n')
    # A prompt that no program's output is mistaken for; no history, so that looking does not change the disk.
    write("root/.bashrc", "PS1='\\u@\\h:\\w# '\nunset HISTFILE\n")
    run("chroot", root, "systemd-machine-id-setup")
    run("chroot", root, "systemctl", "enable", "systemd-networkd", "ssh")
    # Debian's timers look after packages over the network; here is none.
    run("chroot", root, "systemctl", "mask", "apt-daily.timer", "apt-daily-upgrade.timer")


def copy_packages(folder: Path) -> None:
    """Puts the Debian packages of `make deb` into a folder of a golden machine, where apt will find them."""
    for package in ("ka", "ka-boot"):
        (deb,) = (ROOT / "build/packages").glob(f"{package}_*_amd64.deb")
        shutil.copy(deb, folder)


def install(root: Path) -> None:
    """Puts KA into a golden machine's tree, as on a real one."""
    run("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-C", ROOT, "install", f"DESTDIR={root}")
