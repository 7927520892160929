#!/usr/bin/env python3
"""Machines whose firmware trusts one certificate, Secure Boot on: they boot by PXE and by HTTP what was signed with its
key, and know that they were verified; one becomes a clone to its end, and starts from its disk. What is not signed, or
had one letter of its kernel command line changed, no firmware starts. One class a rack, one CTest test a class.
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, layouts, machine, sandbox  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.signed_image import Signer, sign_kernel  # noqa: E402
from rack.tiny_clone import AS_IT_IS, TinyGolden  # noqa: E402

VERIFIED = r"^Started by a signed image under Secure Boot$"
REFUSED = r"failed to load Boot\w+ .*PXEv4.*: Access Denied"


class OnARack(unittest.TestCase):
    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))
        self.signer = Signer(self.rack.directory)
        self.image = self.signer.make_image(self.rack.directory / "ka.efi")
        self.rack.serve(http=True, uki=self.image)
        self.served = self.rack.tftp_root / "ka.efi"

    def node(self, number: int) -> machine.Machine:
        name = f"node{number}"
        node = self.rack.machine(name, number, disks=[self.rack.blank_disk(name, 122, "ahci")], firmware="own-keys")
        self.signer.enrol(node)
        return node


class SignedImage(OnARack):
    """By PXE; the golden machine's kernel is signed with the same key."""

    def test(self):
        server = TinyGolden(self.rack, layouts.load("efi_stub").LAYOUT)
        sign_kernel(server, self.signer, "EFI/golden/vmlinuz.efi")
        server.start()
        server.serve(1, AS_IT_IS)
        node = self.node(1)
        node.start()
        node.console.wait(VERIFIED)
        node.console.wait(r"^Level verified: ")
        node.console.wait(r"Secure Boot is on, and would start the golden machine's programs")
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertEqual(server.exit_status(), 0)
        node.start("nvram")
        node.wait_up()
        self.assertIn("Secure boot enabled", node.console.command("dmesg | grep -o 'Secure boot.*'")[1])
        node.cut_power()


class SignedOrRefused(OnARack):
    """What the firmware thinks of it, by HTTP, and of what was made of it."""

    def test(self):
        self._boots_by_http()
        self._unsigned_is_refused()
        self._changed_is_refused()

    def _boots_by_http(self):
        node = self.node(2)
        node.start("http")
        node.console.wait(VERIFIED)
        node.cut_power()

    def _unsigned_is_refused(self):
        sandbox.run("sbattach", "--remove", self.served)
        self._is_refused(self.node(3))

    def _changed_is_refused(self):
        content = bytearray(self.image.read_bytes())
        at = content.index(b"kamethod quiet")
        content[at] ^= 1
        self.served.write_bytes(content)
        self._is_refused(self.node(4))

    def _is_refused(self, node: machine.Machine):
        node.start()
        node.console.wait(REFUSED)
        self.assertNotIn("KA 1.", node.console.text)
        node.cut_power()
        self.assertTrue(node.disks[0].is_all_zeros())


if __name__ == "__main__":
    golden.prepare("efi_stub")
    sandbox.enter()
    sandbox.need(*machine.programs(), "sbsign", "sbattach", "openssl")
    unittest.main(verbosity=2)
