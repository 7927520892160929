#!/usr/bin/env python3
"""What goes wrong with RAID, LVM and LUKS, on (virtual) machines: one class a rack, make check-disks. What goes well
are layouts: layout_test.py."""

import re
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import disk, golden, layers, machine, sandbox  # noqa: E402
from rack.earlier_lives import NAMESAKE, PRECIOUS, TARGETS, earlier_lives  # noqa: E402
from rack.layers_rack import KEY, SERIALS, OnARack  # noqa: E402
from rack.machine import Disk  # noqa: E402
from rack.sandbox import run  # noqa: E402


class EarlierLife(OnARack):
    """A node's disks bear arrays, volume groups, LUKS and swap of an earlier life, with the golden names and others,
    also just where the clone's will be. With golden names on a disk that is not cloned onto it is refused, and no byte
    changes; beside other names it is cloned, nothing of the earlier life is seen again, and that other disk is as it
    was."""

    def test(self):
        namesake, precious = (self._disk(name, f"serial={name}") for name in (NAMESAKE, PRECIOUS))
        targets = [self._disk(name, f"serial={serial}") for name, serial in zip(TARGETS, SERIALS)]
        node = self.rack.machine("node1", 1, disks=[*targets, namesake], memory=320)
        before = self._contents(node)
        self.golden.serve(1, f"{self.options} {KEY}")
        node.start()
        uuid = self.layout.uuid
        node.console.wait(rf"vdd \([^)]*serial namesake[^)]*\) bears RAID UUID {uuid('md0')} \(vdd1\), LUKS UUID "
                          rf"{uuid('secret')} \(vdd2\), volume group vg0 \(vdd3\): what the clone will bear, too.*give "
                          r"its volume group another name \(vgrename vg0 NEW-NAME\), wipe it \(wipefs -a /dev/vdd\), "
                          r"or clone onto it as well. Nothing was written", 900)
        node.wait_end()
        self.assertEqual(self._contents(node), before)
        self.golden.interrupt()
        self.assertNotEqual(self.golden.exit_status(), 0)
        self.assert_failed(node, r"vgrename vg0 NEW-NAME.*wipefs -a /dev/vdd")

        node.disks[3] = precious
        before = self._contents(node)
        self.golden.serve(1, f"{self.options} {KEY}")
        node.start()
        self.assert_cloned(node)
        self.assertEqual(self.golden.exit_status(), 0)
        after = self._contents(node)
        self.assertEqual([name for name in before if before[name] == after[name]], [precious.path.name])
        own = [one for one in self.golden.machine.disks if not one.read_only]
        self.assertEqual(*(sorted(disk.signatures(one.path) for one in disks) for disks in (own, targets)))
        node.disks = targets
        self.assert_equal_and_starts(node)
        self.assertEqual(*map(self._all_that_is_seen, (self.golden.machine, node)))

    def _disk(self, name: str, properties: str) -> Disk:
        image = disk.copy(earlier_lives() / f"{name}.img", self.rack.directory / f"{name}.img")
        return Disk(image, properties=properties)

    def _contents(self, node: machine.Machine) -> dict[str, str]:
        return {one.path.name: run("sha256sum", one.path).split()[0] for one in node.disks}

    def _all_that_is_seen(self, one: machine.Machine) -> list[set[str]]:
        """By each program that looks for what it could use."""
        scanned, blkid = (one.console.command(command)[1] for command in ("mdadm --examine --scan", "blkid"))
        return [set(re.findall(r"UUID=(\S+)", scanned)),
                set(re.findall(r' UUID="(\S+)".* TYPE="(\S+)"', blkid.replace("squashfs", "")))]


class Asked(OnARack):
    """The passphrase is typed at the console, of two nodes: one is told two that are not the same, then the same twice,
    and is encrypted with it; no console, and no log, ever has it. At the other nobody is: it ends in its time, with its
    reason, and its disks are all zeros."""

    TYPED, MISTYPED = "four words at once", "four words at most"

    def test(self):
        answering, silent = nodes = [self.node(number) for number in (1, 2)]
        self.golden.serve(2, f"{self.options} --luks-key ask")
        for node in nodes:
            node.start()
        question, again = r"Type the passphrase of secret \(it is not shown", r"Once more, to be sure:"
        for prompt, typed in zip((question, again) * 2, (self.TYPED, self.MISTYPED, self.TYPED, self.TYPED)):
            answering.console.wait(prompt, 900)
            answering.console.type(typed + "\n")
        self.assertIn("These were not the same.", answering.console.text)
        silent.console.wait(question, 900)
        silent.console.wait(r"This machine was not cloned.*nobody typed it at this console for 10 minutes; ka-server "
                            r"--luks-key FILE or generate needs nobody here. Nothing was written", 900)
        silent.wait_end()
        for one in silent.disks:
            self.assertTrue(one.is_all_zeros(), one.path.name)
        self.assert_cloned(answering)
        for typed in (self.TYPED, self.MISTYPED):
            self.assertNotIn(typed, answering.console.text)
        self.golden.interrupt()
        self.assertNotEqual(self.golden.exit_status(), 0)
        self.assertEqual(self.golden.outcome()[answering.mac]["result"], "done")
        self.assert_failed(silent, "nobody typed it at this console")
        self.assert_equal_and_starts(answering)
        self.assertEqual(answering.console.command(f"grep -rl '{self.TYPED}' /etc /var /root")[0], 1)
        for passphrase, status in ((self.TYPED, 0), (layers.PASSPHRASE, 2)):
            opened = f"cryptsetup open --test-passphrase --key-file - $(blkid -U {self.layout.uuid('secret')})"
            self.assertEqual(answering.console.command(f"printf %s '{passphrase}' | {opened}")[0], status)


class Vanished(OnARack):
    """A disk is pulled out of a node that is copying: a leg of one's mirror, and what another's volume group stands on.
    Each fails, with the name of the disk; the third is done, equal, and starts."""

    def test(self):
        lucky, legless, homeless = nodes = [self.node(number, "virtio-scsi") for number in (1, 2, 3)]
        self.golden.serve(3, f"{self.options} {KEY}")
        for node in nodes:
            node.start()
        legless.console.wait(r"Receiving partitions information\.\.\.OK", 900)
        for node in nodes:
            # As slow as an old network, so that mid-stream is long enough to be met.
            run("tc", "qdisc", "add", "dev", f"tap{node.number}", "root", "tbf", "rate", "16mbit", "burst", "32kb",
                "latency", "100ms")
        pulled = {legless: 1, homeless: 2}
        names = {node: self._pull_in_mid_stream(node, index) for node, index in pulled.items()}
        for node in nodes:
            run("tc", "qdisc", "del", "dev", f"tap{node.number}", "root")
        self.assert_cloned(lucky)
        for node, name in names.items():
            node.console.wait(rf"This machine was not cloned.*{name}", 600)
            node.wait_end()
        self.golden.interrupt()
        self.assertNotEqual(self.golden.exit_status(), 0)
        self.assertEqual(self.golden.outcome()[lucky.mac]["result"], "done")
        for node, name in names.items():
            self.assert_failed(node, name)
        self.assert_equal_and_starts(lucky)

    def _pull_in_mid_stream(self, node: machine.Machine, index: int) -> str:
        """What it was called there."""
        node.console.wait(r"Linux copy is about to start", 600)
        first = node.disks[0].path
        written = first.stat().st_blocks
        while first.stat().st_blocks < written + (2 << 20) // 512:
            self.assertTrue(node.running)
            time.sleep(0.05)  # the disk's image gives no event
        node.pull(node.disks[index])
        self.assertNotIn("Linux copy done", node.console.text)
        return re.search(rf"goes to (sd\w) \([^)]*serial {SERIALS[index]}\b", node.console.text)[1]


if __name__ == "__main__":
    golden.prepare("layers")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
