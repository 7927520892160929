"""What holds for every layout: golden machine and clones at work. What is on their disks is looked at by its two kinds,
rack.plain_run and rack.layered_run."""

import datetime
import json
import re
import time
import unittest
from abc import abstractmethod
from types import ModuleType

from . import golden, tiny_clone
from .console import Console
from .layouts import Clone
from .machine import Disk, Machine
from .nvram import Nvram
from .rack import Rack
from .tiny_clone import AS_IT_IS, ENTRY
from .tiny_loaders import LOADERS

RESULTS = golden.CACHE / "layouts"
# What no step of a clone changes; under UEFI GRUB's folder neither.
KEPT_FOLDERS = ("usr", "bin", "lib", "srv/data")


class LayoutRun(unittest.TestCase):
    """One layout: its golden machine is cloned onto its clones, one after the other."""

    def __init__(self, name: str, module: ModuleType):
        super().__init__("test")
        self.name = name
        self.module = module
        self.layout = module.LAYOUT
        self.nodes: list[tuple[Clone, Machine]] = []

    def __str__(self):
        return self.name

    @abstractmethod
    def make_golden(self) -> tiny_clone.TinyGolden: ...

    @abstractmethod
    def blank_disks(self, clone: Clone, name: str) -> list[Disk]: ...

    def prepare(self, console: Console) -> None:
        """What only the golden machine can do, before anything is cloned."""

    @abstractmethod
    def seen(self, console: Console):
        """What a machine sees of itself, and a clone has to see like the golden one."""

    def assert_equal_disks(self, clone: Clone, node: Machine) -> None:
        """Of machines that are off."""

    def assert_started(self, clone: Clone, node: Machine) -> None:
        """Of a clone that has just started for the first time."""

    def setUp(self):
        self.started = time.monotonic()
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.json").unlink(missing_ok=True)
        self.addCleanup(self._leave_result)
        self.result = "failed"
        self.rack = self.enterContext(Rack(f"layout-{self.name}"))

    def _leave_result(self):
        clones = ", ".join(clone.shown for clone in self.module.CLONES)
        found = {"name": self.name, "what": " ".join(self.module.__doc__.split()), "loader": self.layout.loader,
                 "firmware": self.layout.firmware, "clones": clones, "result": self.result,
                 "seconds": round(time.monotonic() - self.started), "day": datetime.date.today().isoformat()}
        (RESULTS / f"{self.name}.json").write_text(json.dumps(found) + "\n")

    def test(self):
        self.rack.serve()
        self.golden = self.make_golden()
        self.golden.start()
        self.prepare(self.golden.console)
        before = self.seen(self.golden.console)
        for number, clone in enumerate(self.module.CLONES, start=1):
            self.nodes.append((clone, self._clone(clone, number)))
        self._power_off(self.golden.machine)
        for clone, node in self.nodes:
            self.assert_equal_disks(clone, node)
            starts = clone.starts or ("disk",)
            for number, how in enumerate(starts, start=1):
                self._start(node, how)
                if number == 1:
                    self.assertEqual(self.seen(node.console), before)
                    self.assert_started(clone, node)
                if number < len(starts):
                    self._power_off(node)
                else:
                    node.cut_power()
        getattr(self.module, "check", lambda run: None)(self)
        self.result = "cloned, equal, boots"

    @property
    def entries(self) -> int:
        """In a clone's NVRAM, of its own."""
        return 1

    def _clone(self, clone: Clone, number: int) -> Machine:
        by_desc = "-p sda /root/desc " if clone.by_desc else ""
        self.golden.serve(1, f"{by_desc}{AS_IT_IS} {LOADERS[self.layout.loader].options} {clone.options}")
        name = f"node{number}"
        memory = max(clone.memory, 512 if self.layout.firmware == "uefi" else 0)
        node = self.rack.machine(name, number, disks=self.blank_disks(clone, name), memory=memory,
                                 firmware=clone.firmware or self.layout.firmware).start()
        node.console.wait(rf"This clone will boot: {clone.boots}, root {self.layout.root_id}", 900)
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertEqual(self.golden.exit_status(), 0)
        return node

    def _start(self, node: Machine, how: str) -> None:
        if how == "lost":
            node.reset_nvram()
        elif how == "entry":
            order = Nvram(node.nvram).boot_order()
            self.assertEqual((order[0], order.count(ENTRY)), (ENTRY, self.entries))
        missing = re.fullmatch(r"without (\d)", how)
        whole = node.disks
        if missing:
            node.disks = [one for number, one in enumerate(whole, start=1) if number != int(missing[1])]
        node.start("disk" if node.firmware == "bios" else "nvram")
        node.disks = whole
        if how in ("entry", "lost"):
            node.console.wait(rf'starting Boot\w+ "{ENTRY}" from HD\(1,GPT' if how == "entry" else
                              r'starting Boot\w+ "UEFI ')
        self.wait_up(node)
        if node.firmware == "secure-boot":
            self.assertIn("Secure boot enabled", node.console.command("dmesg | grep -o 'Secure boot.*'")[1])

    def _power_off(self, node: Machine) -> None:
        """In order: no kernel starts an array that was being written to and lacks a leg, where parity is in doubt."""
        node.console.type("poweroff\n")
        node.wait_end()

    def wait_up(self, node: Machine) -> None:
        node.wait_up()
