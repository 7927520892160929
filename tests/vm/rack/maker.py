"""What takes a kernel that knows more than the one here is done by Debian's, in a machine of its own."""

import subprocess
from pathlib import Path
from typing import Callable

from . import busybox
from .golden import ROOT
from .machine import accelerator
from .sandbox import CommandFailed

_INIT = """\
#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
modprobe -a virtio_pci virtio_blk crc32c_generic $(cat /modules)
until [ -b /dev/vd{last} ]; do sleep 0.1; done
sh -ex /script && echo 'ka: made'
poweroff -f
"""
_KERNEL = ROOT / "build/kernel"


def whole(image: Path, read_only: bool = False) -> str:
    """A file as a drive."""
    return f"driver=raw,read-only={'on' if read_only else 'off'},file.driver=file,file.filename={image}"


def part(image: Path, offset: int, size: int) -> str:
    return f"{whole(image)},offset={offset},size={size}"


def run_inside(script: str, work: Path, drives: list[str], modules: list[str], memory: int = 320,
               fill: Callable[[Path], None] = lambda tree: None) -> None:
    """Runs a script of busybox's sh, and of what `fill` puts into the machine; the drives are /dev/vda, /dev/vdb, …
    CommandFailed with what was said unless all commands end well."""
    initrd = work.with_suffix(".maker")

    def all_of_it(tree: Path) -> None:
        fill(tree)
        busybox.write(tree / "script", script)

    last = chr(ord("a") + len(drives) - 1)
    busybox.initrd(initrd, _KERNEL / "modules", ["virtio_pci", "virtio_blk", "crc32c_generic"],
                   _INIT.replace("{last}", last), modules, fill=all_of_it)
    command = ["qemu-system-x86_64", "-accel", accelerator(), "-M", "pc", "-m", str(memory), "-display", "none",
               "-monitor", "none", "-nodefaults", "-serial", "stdio", "-no-reboot", "-kernel", _KERNEL / "vmlinuz",
               "-initrd", initrd, "-append", "console=ttyS0 no_timer_check quiet",
               "-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0"]
    for drive in drives:
        command += ["-drive", f"if=virtio,cache=unsafe,{drive}"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=900)
    if b"ka: made" not in ended.stdout:
        said = (ended.stdout + ended.stderr).decode(errors="replace")
        raise CommandFailed(f"{work} could not be made: {said[-3000:]}")
    initrd.unlink()
