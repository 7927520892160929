"""Small systems and initrds of busybox, of programs of this machine, and of Debian's modules."""

import os
import shutil
from pathlib import Path
from typing import Callable

from .sandbox import run, run_bytes


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def install(tree: Path, without: list[str] = []) -> None:
    """busybox, and its applets in /bin but for those that programs of their own are."""
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    for applet in run("busybox", "--list").split():
        if applet not in (*without, "busybox", "init"):
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


def initrd(target: Path, modules: Path, wanted: list[str], init: str, more: list[str] = [],
           root_type: str = "", fill: Callable[[Path], None] = lambda tree: None) -> None:
    """An initrd of busybox, the wanted modules with all they depend on, a script that is /init, and what `fill` adds.
    The names of the modules in `more` are in /modules."""
    wanted = wanted + more
    tree = target.with_name(target.name + ".tree")
    version = modules.resolve().name
    for name in ("bin", "dev", "proc", "sys", "root"):
        (tree / name).mkdir(parents=True)
    install(tree)
    write(tree / "init", init, 0o755)
    write(tree / "root-type", root_type + "\n")
    write(tree / "modules", " ".join(more) + "\n")
    base = modules.resolve().parents[2]
    listed = run("modprobe", "--show-depends", "--ignore-install", "-d", base, "-S", version, "-a", *wanted)
    for line in listed.splitlines():
        if line.startswith("insmod "):
            file = Path(line.split()[1])
            place = tree / "lib/modules" / version / file.relative_to(modules.resolve())
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
    run("depmod", "-b", tree, version)
    fill(tree)
    names = b"\0".join(os.fsencode(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = run_bytes("cpio", "--null", "--create", "--format=newc", "--quiet", input=names, cwd=tree)
    target.write_bytes(run_bytes("zstd", "-q", "-12", input=archive))
    shutil.rmtree(tree)
