#!/usr/bin/env python3
"""The server is killed, its operator ends the job, or the node's cable is pulled: at random moments between ka-init's
start and its first write. Each time its disk must be all zeros. `make check-moments` has twenty; KA_SEED=… repeats
those that were printed."""

import os
import random
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, machine, sandbox  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.sandbox import run  # noqa: E402
from rack.tiny_clone import TinyGolden  # noqa: E402

YES = "The KA server says yes"
# What a node says once it knows: of a server that died, of one that sent it away, of one that it never found.
NOTICED = r"The KA server is lost|was not cloned|Put out of this round|\(Try [2-5]/5\)"


class Moments(unittest.TestCase):
    def setUp(self):
        self.rack = self.enterContext(Rack("Moments"))
        self.rack.serve()
        self.golden = TinyGolden(self.rack)
        self.golden.start()
        self.node = self.rack.machine("node1", 1)

    def test(self):
        seed = int(os.environ.get("KA_SEED") or random.randrange(1 << 32))
        print(f"KA_SEED={seed}", flush=True)
        choose = random.Random(seed)
        self._power_on()
        started = time.monotonic()
        self.node.console.wait(YES)
        first_write = time.monotonic() - started
        self.node.console.wait("Formatting")  # the table is there
        self._end()
        self.assertFalse(self.node.disks[0].is_all_zeros(), "nothing was written after the server's yes")
        ways = [self._kill_the_server, self._interrupt_the_server, self._pull_the_cable]
        for number in range(int(os.environ.get("KA_MOMENTS") or 20)):
            way, moment = ways[number % 3], choose.uniform(0, first_write)
            while not self._stop_at(moment, way):
                moment *= 0.8  # this machine is faster at times: it was past its first write

    def _stop_at(self, moment: float, way) -> bool:
        """Whether the moment came before the server's yes; then nothing may have been written."""
        seen = len(self.node.console.text)
        self._power_on()
        time.sleep(moment)  # what is tested
        way()
        if YES not in self.node.console.text[seen:]:
            self.node.console.wait(f"{NOTICED}|{YES}")
        said = self.node.console.text[seen:]
        self._end()
        if YES in said:
            return False
        zeros = self.node.disks[0].is_all_zeros()
        print(f"{way.__name__[1:]} {moment:.2f} s after its start: {'all zeros' if zeros else 'WRITTEN'}", flush=True)
        self.assertTrue(zeros, f"{way.__name__[1:]} at {moment:.2f} s: something was written")
        return True

    def _power_on(self) -> None:
        self.node.disks = [self.rack.blank_disk("node1", 64, "virtio-blk")]
        self.golden.serve(1)
        self.node.start()
        self.node.console.wait(r"^KA \d")

    def _end(self) -> None:
        self.node.cut_power()
        run("ip", "link", "set", "tap1", "up")
        if self.golden.serving:
            self.golden.interrupt()
            self.golden.exit_status()

    def _kill_the_server(self) -> None:
        self.golden.stop()
        self.golden.kill()

    def _interrupt_the_server(self) -> None:
        self.golden.interrupt()
        self.golden.exit_status()

    def _pull_the_cable(self) -> None:
        run("ip", "link", "set", "tap1", "down")


if __name__ == "__main__":
    golden.prepare("tiny")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
