#!/usr/bin/env python3
"""Golden machines that start by UEFI: one class a rack, one CTest test a class."""

import hashlib
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import compare, disk, golden, machine, sandbox, tiny  # noqa: E402
from rack.firmware import FIRMWARES  # noqa: E402
from rack.nvram import Nvram  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.sandbox import run  # noqa: E402
from rack.tiny_clone import ENTRY, OPTIONS, TinyGolden  # noqa: E402


class OnARack(unittest.TestCase):
    LAYOUT = tiny.UEFI

    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))
        self.rack.serve()
        self.golden = TinyGolden(self.rack, self.LAYOUT)

    def node(self, number: int, mib: int, controller: str, firmware: str) -> machine.Machine:
        name = f"node{number}"
        return self.rack.machine(name, number, disks=[self.rack.blank_disk(name, mib, controller)], firmware=firmware)


class UefiClone(OnARack):
    """A golden machine with an ESP, cloned onto NVMe under Secure Boot and onto AHCI without it: each clone has all
    files and the same table, and starts by its own entry in NVRAM, with PXE off; then again after NVRAM was lost."""

    KEPT = ("type", "uuid", "name", "attrs")

    def test(self):
        nodes = [self.node(1, 110, "nvme", "secure-boot"), self.node(2, 92, "ahci", "uefi")]
        self.golden.start()
        self.golden.serve(2, OPTIONS)
        for node in nodes:
            node.start()
        for node in nodes:
            node.console.wait(r"This machine is cloned")
            node.wait_end()
        self.assertEqual(self.golden.exit_status(), 0)
        self.golden.console.type("poweroff\n")
        self.golden.machine.wait_end()
        for node in nodes:
            self._assert_equal(node)
            self.assertEqual(Nvram(node.nvram).boot_order().count(ENTRY), 1)
            self.assertEqual(Nvram(node.nvram).boot_order()[0], ENTRY)
            self._assert_starts(node, rf'starting Boot\w+ "{ENTRY}" from HD\(1,GPT')  # BootNext
        self._assert_starts(nodes[0], rf'starting Boot\w+ "{ENTRY}" from HD\(1,GPT')  # BootOrder
        for node in nodes:
            node.nvram.unlink()
            self._assert_starts(node, r'starting Boot\w+ "UEFI ')

    def _assert_starts(self, node: machine.Machine, how: str):
        node.start("nvram")
        node.console.wait(how)
        node.console.wait(r"system is up: (?!golden)\S+")
        if node.firmware == "secure-boot":
            self.assertIn("Secure boot enabled", node.console.command("dmesg | grep 'Secure boot'")[1])
        node.cut_power()

    def _assert_equal(self, node: machine.Machine):
        ours, theirs = (json.loads(run("sfdisk", "--json", one.disks[0].path))["partitiontable"]
                        for one in (self.golden.machine, node))
        kept = [[{name: p.get(name) for name in self.KEPT} for p in one["partitions"]] for one in (ours, theirs)]
        self.assertEqual(*kept)
        labels = [[(p.uuid, p.file_system, p.label) for p in disk.partitions(one.disks[0].path)]
                  for one in (self.golden.machine, node)]
        self.assertEqual(*labels)
        trees, esps = [], []
        for one in (self.golden.machine, node):
            image = one.disks[0].path
            with disk.mounted(image, self.LAYOUT.mounts, self.rack.directory / "mnt", False) as root:
                # What no step of a clone changes.
                parts = ("usr", "bin", "lib", "boot/grub", "srv/data")
                trees.append([compare.Tree.read(root / part) for part in parts])
            folder = disk.fat_files(image, self.LAYOUT.esp, self.rack.directory / f"{one.name}.esp")
            esps.append({str(file.relative_to(folder)): (file.read_bytes(), int(file.stat().st_mtime))
                         for file in folder.rglob("*") if file.is_file()})
        found = [one for pair in zip(*trees, strict=True) for one in compare.differences(*pair)]
        self.assertEqual(found, [])
        before, after = esps
        self.assertEqual({name: after.get(name) for name in before}, before)
        added = {name: data for name, (data, _) in after.items() if name not in before}
        self.assertEqual(added, {"EFI/BOOT/BOOTX64.EFI": before["EFI/debian/shimx64.efi"][0],
                                 "EFI/BOOT/grubx64.efi": before["EFI/debian/grubx64.efi"][0]})


class UefiForbidden(OnARack):
    """A node whose list of forbidden programs (dbx) has the golden machine's GRUB, though not the one that PXE starts:
    refused, and not a byte on its disk."""

    def test(self):
        self.golden.start()
        self.golden.serve(1, OPTIONS)
        node = self.node(1, 100, "nvme", "secure-boot")
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
    golden.prepare("tiny-uefi")
    sandbox.enter()
    sandbox.need(*machine.programs(), "mcopy")
    unittest.main(verbosity=2)
