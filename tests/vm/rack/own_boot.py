"""The tiny golden machine with what `ka-server --pxe` wants to have installed: the boot files and templates of `make
install`, dnsmasq, util-linux's unshare, and pxelinux."""

import shutil
from dataclasses import replace
from pathlib import Path

from . import busybox, disk, tiny
from .golden import ROOT
from .machine import Disk
from .rack import Rack
from .tiny_clone import OPTIONS, TinyGolden

LAYOUT = replace(tiny.DOS, image="tiny-pxe.img", size_mib=120, desc="linux 110\nswap fill\n",
                 table="start=1MiB, size=110MiB, type=83, bootable\ntype=82\n")
VALUES = "serial = 0 115200\nappend = no_timer_check\n"
COMMAND = f"{OPTIONS} --pxe --pxe-values /root/pxe.conf"
_LOADERS = ("/usr/lib/PXELINUX/lpxelinux.0", "/usr/lib/syslinux/modules/bios/ldlinux.c32")


class OwnBootGolden(TinyGolden):
    def __init__(self, rack: Rack):
        super().__init__(rack, LAYOUT)

    def _disks(self, rack: Rack) -> list[Disk]:
        disks = super()._disks(rack)
        with disk.mounted(disks[0].path, LAYOUT.mounts, rack.directory / "mnt", read_only=False) as root:
            for folder, files in {"usr/lib/ka/boot": (ROOT / "build/vmlinuz", ROOT / "build/all.rdz"),
                                  "usr/share/ka/pxe-config": tuple((ROOT / "pxe-config").iterdir())}.items():
                (root / folder).mkdir(parents=True)
                for file in files:
                    shutil.copy(file, root / folder)
            (root / "bin/unshare").unlink()  # busybox's
            for program in ("dnsmasq", "unshare"):
                busybox.install_program(root, Path(shutil.which(program)))
            for file in _LOADERS:
                (root / file.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, root / file.lstrip("/"))
            with (root / "etc/passwd").open("a") as file:
                file.write("nobody:x:65534:65534:nobody:/:/bin/false\n")
            busybox.write(root / "root/pxe.conf", VALUES)
        return disks
