#!/usr/bin/env python3
"""Nodes whose firmware would not start what the golden machine starts by: one class a rack, one CTest test a class.
Those that are cloned are layouts: layout_test.py."""

import hashlib
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, layouts, machine, sandbox  # noqa: E402
from rack.firmware import FIRMWARES  # noqa: E402
from rack.nvram import Nvram  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.tiny_clone import OPTIONS, TinyGolden  # noqa: E402


class UefiForbidden(unittest.TestCase):
    """A node whose list of forbidden programs (dbx) has the golden machine's GRUB, though not the one that PXE starts:
    refused, and not a byte on its disk."""

    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))
        self.rack.serve()
        self.golden = TinyGolden(self.rack, layouts.load("uefi").LAYOUT)

    def test(self):
        self.golden.start()
        self.golden.serve(1, OPTIONS)
        node = self.rack.machine("node1", 1, disks=[self.rack.blank_disk("node1", 100, "nvme")], firmware="secure-boot")
        FIRMWARES[node.firmware].arguments(node.nvram)  # makes its NVRAM
        program = golden.ROOT / "build/unpacked/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
        Nvram(node.nvram).forbid(self._authenticode(program.read_bytes()))
        node.start()
        node.console.wait(r"would not start the golden machine's /boot/efi/EFI/debian/grubx64\.efi: its list of "
                          r"forbidden programs \(dbx\) has it")
        node.wait_end()
        self.assertTrue(node.disks[0].is_all_zeros())
        self.golden.interrupt()
        self.assertNotEqual(self.golden.exit_status(), 0)
        self.assertIn("update shim and GRUB on the golden machine", self.golden.outcome()[node.mac]["reason"])

    def _authenticode(self, program: bytes) -> bytes:
        """Of a file without gaps: all but the checksum, where the signatures are, and they themselves."""
        optional = int.from_bytes(program[0x3c:0x40], "little") + 24
        checksum, entry = optional + 64, optional + 144
        table = int.from_bytes(program[entry:entry + 4], "little")
        return hashlib.sha256(program[:checksum] + program[checksum + 4:entry] + program[entry + 8:table]).digest()


if __name__ == "__main__":
    golden.prepare("uefi")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
