#!/usr/bin/env python3
"""`ka-server --pxe` alone, on a network with a DHCP server that knows nothing of PXE, and with `--dhcp` on one without:
what each machine is told follows from its state, and nobody is told anything when the job is over, however it ended.
"""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, machine, sandbox  # noqa: E402
from rack.own_boot import COMMAND, OwnBootGolden  # noqa: E402
from rack.rack import Rack  # noqa: E402

NO_ANSWER = r"No boot filename|Nothing to boot|No more network devices"


class OwnBoot(unittest.TestCase):
    def setUp(self):
        self.rack = self.enterContext(Rack("OwnBoot"))

    def test(self):
        self.rack.serve("plain")
        server = OwnBootGolden(self.rack)
        server.start()
        clone, small = self._node(1, 128), self._node(2, 32)
        # Each shows a token of its own, a new one at each start, or is not let in.
        status, said = server.console.command(f"printf 'r {clone.mac}\\nr {small.mac}\\n' > /root/only")
        self.assertEqual(status, 0, said)
        server.serve(2, f"{COMMAND} --only /root/only --start-after 0")
        self.assertRegex(server.console.text, r"Machines that boot by PXE on \S+ are told to become clones")
        self.assertIn("Those with UEFI get no boot file: this machine has no shim-signed", server.console.text)
        self._clone_and_boot_again(clone)
        self._fails_twice_and_is_shown_why(server, small)
        server.interrupt()
        server.exit_status()
        rows = server.outcome()
        self.assertEqual((rows[clone.mac]["result"], rows[small.mac]["result"]), ("done", "failed"))
        self._its_log_is_kept(server, clone, small)
        self._gives_addresses_where_nobody_does(server, small)
        self._killed_server_leaves_nothing(server, small)

    def _node(self, number: int, mib: int) -> machine.Machine:
        name = f"node{number}"
        return self.rack.machine(name, number, disks=[self.rack.blank_disk(name, mib, "virtio-blk")])

    def _clone_and_boot_again(self, node: machine.Machine):
        """The network comes first in its boot order all the time."""
        node.start("network-first")
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        node.start("network-first")
        node.console.wait(NO_ANSWER)
        node.wait_up()
        node.cut_power()

    def _fails_twice_and_is_shown_why(self, server: OwnBootGolden, node: machine.Machine):
        for _ in range(2):
            node.start("network-first")
            node.console.wait(r"This machine was not cloned")
            node.wait_end()
        server.console.wait(rf"When it boots again, \S*,? ?{node.mac} is shown why it failed")
        node.start("network-first")
        node.console.wait(r"KA: THIS MACHINE IS NOT CLONED")
        node.console.wait(r"they need \d+ MiB, there are 31")
        node.console.wait(r"It has failed 2 times")
        node.console.wait(r"boot:")
        # Somebody has looked at it, and lets it try once more.
        node.console.type("\n")
        node.console.wait(r"This machine was not cloned")
        node.wait_end()
        self.assertTrue(node.disks[0].is_all_zeros())

    def _its_log_is_kept(self, server: OwnBootGolden, clone: machine.Machine, small: machine.Machine):
        """All its starts, of which it can tell nobody any more."""
        address, name = re.search(r"Address ([\d.]+)/.* host name (\S+),", small.console.text).groups()
        for node in small.mac, address, name:
            status, log = server.console.command(f"ka-server log {node}")
            self.assertEqual(status, 0, log)
            for line in r"This machine was not cloned.*they need \d+ MiB, there are 31", r"^=== failed: ":
                self.assertEqual(len(re.findall(line, log, re.MULTILINE)), 3, log)
        status, log = server.console.command(f"ka-server log {clone.mac}")
        self.assertEqual(status, 0, log)
        self.assertRegex(log, r"Rebooting from the local disk\s+=== done ===")
        self.assertEqual(server.console.command("ka-server log 52:54:00:00:00:01")[0], 1)

    def _gives_addresses_where_nobody_does(self, server: OwnBootGolden, node: machine.Machine):
        """The golden machine keeps the address that it had from the DHCP server."""
        command = f"{COMMAND} --dhcp 10.77.0.201,10.77.0.210"
        server.serve(1, command)
        server.console.wait(r"--dhcp: the DHCP server 10\.77\.0\.1 answers on \S+ already")
        self.assertEqual(server.exit_status(), 1)
        self.rack.dhcp.stop()
        server.serve(1, f"{command} --start-after 0")
        node.start("network-first")
        node.console.wait(r"Address 10\.77\.0\.2(0[1-9]|10)/24 on ")
        node.console.wait(r"This machine was not cloned")
        node.wait_end()

    def _killed_server_leaves_nothing(self, server: OwnBootGolden, node: machine.Machine):
        server.stop()
        self.assertEqual(server.console.command("pidof dnsmasq")[0], 0)
        server.kill()
        self.assertEqual(server.console.command("pidof dnsmasq")[0], 1)
        node.start("network-first")
        node.console.wait(NO_ANSWER)
        node.cut_power()


if __name__ == "__main__":
    golden.prepare("tiny-pxe")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
