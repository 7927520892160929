"""File systems that the kernel here does not know are filled by Debian's, in a machine of its own."""

import subprocess
from pathlib import Path

from . import busybox, disk
from .golden import ROOT
from .machine import accelerator
from .sandbox import CommandFailed, run

_INIT = """\
#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
modprobe -a virtio_pci virtio_blk $(cat /modules)
until [ -b /dev/vdb ]; do sleep 0.1; done
mount -t $(cat /root-type) /dev/vda /root && tar -xf /dev/vdb -C /root && umount /root && echo 'ka: filled'
poweroff -f
"""


def with_tree(image: Path, partition: disk.Partition, kind: str, tree: Path, kernel_modules: tuple[str, ...]) -> None:
    """All of `tree` into the file system of this partition, which is empty."""
    initrd, archive = image.with_suffix(".filler"), image.with_suffix(".tar")
    busybox.initrd(initrd, ROOT / "build/kernel/modules", ["virtio_pci", "virtio_blk"], _INIT,
                   list(kernel_modules), kind)
    run("tar", "--create", "--file", archive, "--directory", tree, "--numeric-owner", ".")
    part = f"driver=raw,offset={partition.offset},size={partition.size},file.driver=file,file.filename={image}"
    ended = subprocess.run(
        ["qemu-system-x86_64", "-accel", accelerator(), "-M", "pc", "-m", "320", "-display", "none", "-monitor", "none",
         "-nodefaults", "-serial", "stdio", "-no-reboot", "-kernel", ROOT / "build/kernel/vmlinuz", "-initrd", initrd,
         "-append", "console=ttyS0 no_timer_check quiet", "-drive", f"if=virtio,cache=unsafe,{part}",
         "-drive", f"if=virtio,format=raw,read-only=on,file={archive}"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    if b"ka: filled" not in ended.stdout:
        said = (ended.stdout + ended.stderr).decode(errors="replace")
        raise CommandFailed(f"{image} could not be filled: {said[-2000:]}")
    initrd.unlink()
    archive.unlink()
