"""The matrix: golden disks laid out in many ways, one short file each below tests/vm/layouts. Such a file has

  a docstring   what is on the disk and what is special about it: the line of docs/layouts.md
  LAYOUT        the golden machine (tiny.Layout, layered.Layered)
  CLONES        the machines that it is cloned onto, one after the other
  LONG = True   if make check leaves it out, since what it has others have, too
  prepare(run, console), look(run, console)
                with layers: what is done on the golden machine first, and looked for on each clone
  SIZES_DIFFER = True
                with layers: if the volumes of a clone need not be as large as the golden ones
  RUN           a kind of run of its own, where a clone is not like the golden machine in all that others are
  check(run)    what must hold besides what holds for all of them (layout_run.py, layered_run.py)
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[1] / "layouts"


@dataclass(frozen=True)
class Clone:
    """A machine that is to become one."""
    grow: int = 0  # MiB that its disk has more than the golden one, or each of them
    controller: str = "virtio-blk"
    disks: tuple[int, ...] = ()  # else how many MiB each of its disks has
    by_desc: bool = False  # by the golden machine's /root/desc, not by its table as it is
    firmware: str = ""  # the golden machine's
    sector: int = 512  # of its disk
    options: str = ""  # more of ka-server's
    # How it is started in the end: "disk"; under UEFI "entry", by the entry in its NVRAM, and "lost", after that was
    # lost; "without 1", each by what is on the other disks. The first one is with all of them.
    starts: tuple[str, ...] = ()
    boots: str = '"golden", /boot/vmlinuz, /boot/initrd'  # what ka-init says of it
    memory: int = 320

    @property
    def shown(self) -> str:
        size = " and ".join(map(str, self.disks)) if self.disks else f"{self.grow:+}"
        words = [self.controller, *([self.firmware] if self.firmware else []), f"{size} MiB"]
        words += [f"{self.sector}-byte sectors"] if self.sector != 512 else []
        words += [self.options] if self.options else []
        return " ".join([*words, "by desc"] if self.by_desc else words)


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.py"))


def load(name: str) -> ModuleType:
    module_file = FOLDER / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"layouts.{name}", module_file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
