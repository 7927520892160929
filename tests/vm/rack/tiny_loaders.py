"""What the tiny golden machine starts by."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from . import busybox, disk
from .golden import ROOT
from .sandbox import run

if TYPE_CHECKING:
    from .tiny import Layout

UNPACKED = ROOT / "build/unpacked"
_EXTLINUX_PROGRAM = UNPACKED / "usr/bin/extlinux"
_SYSLINUX_MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")
# Without no_timer_check a busy host that is slow with an interrupt makes this kernel give up before it has begun.
_ARGUMENTS = "root={root}{more} console=ttyS0,115200 no_timer_check quiet"


@dataclass(frozen=True)
class Golden:
    """A machine that is being made: what is not yet on its disk."""
    layout: "Layout"
    tree: Path  # of files
    esp: Path  # what its EFI system partition is to hold
    uuids: dict[int, str]  # by partition
    root: str = ""  # a name for the kernel's command line, not the UUID

    @property
    def arguments(self) -> str:
        """Of its kernel."""
        subvolumes = self.layout.subvolumes
        more = f" {subvolumes.cmdline}" if subvolumes and subvolumes.cmdline else ""
        return _ARGUMENTS.format(root=self.root or f"UUID={self.uuids[self.layout.root]}", more=more)

    @property
    def boot_uuid(self) -> str:
        return self.uuids[self.layout.boot or self.layout.root]


@dataclass(frozen=True)
class Loader:
    configure: Callable[[Golden], None]
    install: Callable[[Path, "Layout"], None] = lambda image, layout: None  # what lies beside the files
    options: str = ""  # of ka-server
    entry: str = ""  # what the machine's NVRAM names
    entry_arguments: str = ""  # with {uuid} of /


_GRUB_SERIAL = "serial --unit=0 --speed=115200\nterminal_output serial\n"
_GRUB = """\
set timeout=0
search --no-floppy --fs-uuid --set=root {uuid}
menuentry golden {{
  linux {boot}/vmlinuz {arguments}
  initrd {boot}/initrd
}}
"""


def _grub_config(golden: Golden, head: str) -> None:
    text = _GRUB.format(uuid=golden.boot_uuid, boot=golden.layout.boot_folder, arguments=golden.arguments)
    busybox.write(golden.tree / "boot/grub/grub.cfg", head + text)


def _install_grub(image: Path, layout: "Layout") -> None:
    # As most distributions build it, GRUB begins at the top of a Btrfs whatever its default is.
    kind = "gpt" if layout.label == "gpt" else "msdos"
    disk.write_grub(image, f"(,{kind}{layout.boot or layout.root}){layout.boot_folder}/grub")


_EXTLINUX = """\
SERIAL 0 115200
DEFAULT golden
LABEL golden
  LINUX /boot/vmlinuz
  INITRD /boot/initrd
  APPEND {arguments}
"""


def _extlinux_files(golden: Golden) -> None:
    shutil.rmtree(golden.tree / "boot/grub")
    busybox.write(golden.tree / "boot/extlinux/extlinux.conf", _EXTLINUX.format(arguments=golden.arguments))
    busybox.install_program(golden.tree, _EXTLINUX_PROGRAM, Path("/usr/bin/extlinux"))
    (golden.tree / str(_SYSLINUX_MBR.parent).lstrip("/")).mkdir(parents=True, exist_ok=True)
    shutil.copy(_SYSLINUX_MBR, golden.tree / str(_SYSLINUX_MBR).lstrip("/"))


def _install_extlinux(image: Path, layout: "Layout") -> None:
    with disk.mounted(image, layout.mounts, image.with_suffix(".mnt"), read_only=False) as top:
        run(_EXTLINUX_PROGRAM, "--install", top / "boot/extlinux")
    with image.open("r+b") as file:
        file.write(_SYSLINUX_MBR.read_bytes())


# What Debian's GRUB finds beside itself.
_GRUB_STUB = """\
search.fs_uuid {uuid} root
set prefix=($root)'{boot}/grub'
configfile $prefix/grub.cfg
"""


def _shim(golden: Golden) -> None:
    """As Debian installs it: signed shim and GRUB in \\EFI\\debian, and nothing in \\EFI\\BOOT."""
    _grub_config(golden, "")  # the firmware's console is the serial line already
    folder = golden.esp / "EFI/debian"
    stub = _GRUB_STUB.format(uuid=golden.boot_uuid, boot=golden.layout.boot_folder)
    busybox.write(folder / "grub.cfg", stub)
    for name in ("shim/shimx64", "grub/x86_64-efi-signed/grubx64"):
        shutil.copy(UNPACKED / f"usr/lib/{name}.efi.signed", folder / f"{Path(name).name}.efi")
    csv = "shimx64.efi,debian,,This is the boot entry for debian\n"
    (folder / "BOOTX64.CSV").write_bytes(b"\xff\xfe" + csv.encode("utf-16le"))


_MACHINE_ID = "0123456789abcdef0123456789abcdef"
_BLS = """\
title golden
machine-id {machine_id}
linux /{machine_id}/linux
initrd /{machine_id}/initrd
options {arguments}
"""


def _move_kernel(golden: Golden, folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    shutil.move(golden.tree / "boot/vmlinuz", folder / name)
    shutil.move(golden.tree / "boot/initrd", folder / "initrd")
    shutil.rmtree(golden.tree / "boot/grub")


def _systemd_boot(golden: Golden) -> None:
    """As bootctl and kernel-install leave it: kernels on the EFI system partition, an entry by the machine's id."""
    program = UNPACKED / "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
    for place in ("EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"):
        (golden.esp / place).parent.mkdir(parents=True)
        shutil.copy(program, golden.esp / place)
    _move_kernel(golden, golden.esp / _MACHINE_ID, "linux")
    busybox.write(golden.esp / "loader/loader.conf", f"timeout 0\ndefault {_MACHINE_ID}-*\n")
    busybox.write(golden.esp / f"loader/entries/{_MACHINE_ID}-golden.conf",
                 _BLS.format(machine_id=_MACHINE_ID, arguments=golden.arguments))
    (golden.esp / "loader/random-seed").write_bytes(bytes(range(32)))


def _stub(golden: Golden) -> None:
    """The firmware starts the kernel, with arguments that are in the entry."""
    _move_kernel(golden, golden.esp / "EFI/golden", "vmlinuz.efi")


LOADERS = {
    "grub": Loader(lambda golden: _grub_config(golden, _GRUB_SERIAL), _install_grub, "-r grub"),
    "extlinux": Loader(_extlinux_files, _install_extlinux, "-r extlinux"),
    "shim": Loader(_shim, options="-r grub", entry="\\EFI\\debian\\shimx64.efi"),
    "systemd-boot": Loader(_systemd_boot, entry="\\EFI\\systemd\\systemd-bootx64.efi"),
    "stub": Loader(_stub, entry="\\EFI\\golden\\vmlinuz.efi",
                   entry_arguments="initrd=\\EFI\\golden\\initrd " + _ARGUMENTS.replace("{root}{more}", "UUID={uuid}")),
}
