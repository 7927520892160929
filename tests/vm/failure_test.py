#!/usr/bin/env python3
"""What must happen when something is wrong, on (virtual) machines: one class a rack, one CTest test a class."""

import random
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import compare, disk, golden, machine, sandbox, tiny  # noqa: E402
from rack.odd_disk import OddDisk  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.sandbox import run  # noqa: E402
from rack.tiny_clone import AS_IT_IS, OPTIONS, TinyGolden  # noqa: E402
from rack.wire import AlteringCable  # noqa: E402


class OnARack(unittest.TestCase):
    def setUp(self):
        self.rack = self.enterContext(Rack(type(self).__name__))

    def node(self, number: int, *disks: tuple[int, str], **parts) -> machine.Machine:
        """A machine with blank disks, each (MiB, controller)."""
        name = f"node{number}"
        blank = [self.rack.blank_disk(f"{name}-{n}", mib, controller) for n, (mib, controller) in enumerate(disks)]
        return self.rack.machine(name, number, disks=blank, **parts)

    def assert_untouched(self, node: machine.Machine):
        for one in node.disks:
            self.assertTrue(one.is_all_zeros(), f"{node.name}: something was written to {one.path.name}")


class NoServer(OnARack):
    """The DHCP server is away for 45 s when the node asks, as behind a switch that runs spanning tree; then it is
    there, but no KA server is: five tries, the reason, a reboot."""

    def test(self):
        self.rack.serve()
        node = self.node(1, (64, "virtio-blk")).start()
        node.console.wait(r"boot:")  # pxelinux's prompt: the ROM has its address
        self.rack.dhcp.stop()
        node.console.wait(r"asking for an address by DHCP")
        silent = time.monotonic() + 45
        while (left := silent - time.monotonic()) > 0:
            self.assertTrue(node.running, "the node gave up while the DHCP server was away")
            time.sleep(min(1, left))
        self.rack.start_dhcp()
        node.console.wait(r"The network is up")
        for number in range(1, 6):
            node.console.wait(rf"Waiting for rescue from KA server \(Try {number}/5\)")
        node.console.wait(r"Can't reach a valid KA server")
        node.console.wait(r"Rebooting in 5 sec")
        node.wait_end()
        self.assertIn("reboot: Restarting system", node.console.text)
        self.assert_untouched(node)


class Refused(OnARack):
    """A disk too small, none, and two that could be meant: each refused before anything is written, with the reason
    on the node's console and in the server's table. And a desc file with an error: the server starts nothing."""

    def test(self):
        self.rack.serve("dnsmasq")
        golden = TinyGolden(self.rack)
        golden.start()
        self._desc_with_an_error(golden)
        small = self.node(1, (32, "ahci"))
        none = self.node(2)
        two = self.node(3, (64, "megasas"), (64, "pvscsi"), nic="e1000")
        golden.serve(3)
        nodes = {small: r"they need 51 MiB, there are 31", none: r"this machine (has no disk|shows none)",
                 two: r"sda or sdb"}
        for node in nodes:
            node.start()
        for node, reason in nodes.items():
            node.console.wait(reason)
            node.console.wait(r"Rebooting in \d+ sec")
            node.wait_end()
            self.assert_untouched(node)
        golden.interrupt()
        self.assertNotEqual(golden.exit_status(), 0)
        report = golden.report()
        self.assertEqual(report["nodes_done"], 0)
        rows = golden.outcome()
        for node, reason in nodes.items():
            self.assertEqual(rows[node.mac]["result"], "failed")
            self.assertRegex(rows[node.mac]["reason"], reason)

    def _desc_with_an_error(self, golden: TinyGolden):
        status, output = golden.console.command(f"ka-server {AS_IT_IS}")
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"(?s)sda.*can be cloned\. Nothing was sent: with -n N")
        self.assertNotIn("Listening", output)
        golden.console.command("printf 'linux 50\\nswap lots\\n' > /tmp/bad")
        status, output = golden.console.command("ka-server -n 1 -p sda /tmp/bad -X vda")
        self.assertNotEqual(status, 0)
        self.assertRegex(output, r'/tmp/bad:2: .*"lots"')
        self.assertNotIn("I want", output)


class Uefi(OnARack):
    """Machines whose firmware is UEFI, one of them under Secure Boot: by shim, GRUB and a file of their own that says
    kamethod they come as far as the server, and are refused what boots by BIOS only."""

    def test(self):
        self.rack.serve(label="local", append="loglevel=7")  # the kernel's own words on the console
        golden = TinyGolden(self.rack)
        nodes = [self.node(1, (64, "nvme"), firmware="secure-boot"), self.node(2, (64, "ahci"), firmware="uefi")]
        for node in nodes:
            self.rack.choose(node, "kamethod")
            node.start()  # it takes longer than the golden machine
        golden.start()
        golden.serve(2)
        # Either of two lines: QEMU drops a byte of a serial line that a busy host is late in reading.
        secure_boot = [r"locked down from EFI Secure Boot|Secure boot enabled", "Secure boot disabled"]
        for node, says in zip(nodes, secure_boot, strict=True):
            node.console.wait(rf"Command line: .* BOOTIF=01-{node.mac}")
            node.console.wait(says)
            node.console.wait(r"Server IP is 10\.77\.0\.")
            node.console.wait(r"started by UEFI, and what the golden machine sends starts by BIOS only")
            node.console.wait(r"Rebooting in \d+ sec")
            node.wait_end()
            self.assert_untouched(node)
        golden.interrupt()
        self.assertNotEqual(golden.exit_status(), 0)
        rows = golden.outcome()
        for node in nodes:
            self.assertEqual(rows[node.mac]["result"], "failed")
            self.assertIn("switch the firmware of this machine to legacy", rows[node.mac]["reason"])


class BootLeadsNowhere(OnARack):
    """A golden grub.cfg that names an initrd which is not there is refused before a node waits, by file and line. A
    clone whose initrd is lost after the copy (a hook removes it) has failed, with that name, and does not boot."""

    LOST = r"/boot/grub/grub\.cfg:7: initrd /boot/initrd: there is no such file"

    def test(self):
        self.rack.serve()
        golden = TinyGolden(self.rack)
        golden.start()
        golden.console.command("mv /boot/initrd /boot/kept")
        status, output = golden.console.command(f"ka-server -n 1 {OPTIONS}")
        self.assertNotEqual(status, 0)
        self.assertRegex(output.replace("\r", ""), "the clones would not start: " + self.LOST)
        golden.console.command("mv /boot/kept /boot/initrd; mkdir /root/hooks; cd /root/hooks")
        golden.console.command("printf '#!/bin/sh\\nrm /boot/initrd\\n' >50-spoil; chmod 755 50-spoil; cd")
        golden.serve(1, OPTIONS + " --hooks /root/hooks")
        node = self.node(1, (64, "virtio-blk")).start()
        node.console.wait("follow the boot of this clone: " + self.LOST)
        node.console.wait(r"Rebooting in \d+ sec")
        node.wait_end()
        with node.disks[0].path.open("rb") as disk_start:
            self.assertIn(b"the clone on this disk is not finished", disk_start.read(440))
        golden.interrupt()
        self.assertNotEqual(golden.exit_status(), 0)
        row = golden.outcome()[node.mac]
        self.assertEqual(row["result"], "failed")
        self.assertRegex(row["reason"], self.LOST)


class Shell(OnARack):
    """kashell, with a server that waits for a node: a shell from stage2, and not one byte on the disk. The operator's
    key commands the node there, whose log says so; another key learns nothing."""

    def test(self):
        self.rack.serve(label="kashell")
        golden = TinyGolden(self.rack)
        golden.start()
        golden.serve(1)
        node = self.node(1, (64, "virtio-blk")).start()
        address = node.console.wait(r"Address (10\.77\.0\.\d+)/").group(1)
        node.console.wait(r"kashell: a shell from stage2")
        node.console.wait(r"stage2:.*# ")
        status, output = node.console.command("lsblk --noheadings --output NAME,TYPE /dev/vda")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"vda\s+disk")
        self.assertNotIn("Receiving partitions information", node.console.text)
        golden.interrupt()
        self.assertNotEqual(golden.exit_status(), 0)
        self.assertEqual(golden.report()["nodes_done"], 0)
        self._command(golden, node, address)
        node.console.type("exit\n")
        node.wait_end()  # it reboots when the shell ends
        self.assert_untouched(node)

    def _command(self, golden: TinyGolden, node: machine.Machine, address: str):
        call = f"ka-server exec --key /run/ka.key {address} --"
        status, output = golden.console.command(f"{call} sh -c 'lsblk -no TYPE /dev/vda; exit 3'")
        self.assertEqual(status, 3)
        self.assertRegex(output, r"(?s)disk.*ended with status 3")
        node.console.wait(r"Operator .*10\.77\.0\.\d+\) runs: sh -c lsblk")
        status, output = golden.console.command(f"ka-server log --key /run/ka.key {address}")
        self.assertEqual(status, 0)
        self.assertIn("The network is up", output)
        golden.console.command(f"(umask 077; echo {'A' * 43} > /run/other)")
        status, output = golden.console.command(f"ka-server exec --key /run/other {address} -- true")
        self.assertNotEqual(status, 0)
        self.assertIn("does not know this key", output)


class Undriven(OnARack):
    """A data disk that is seen, beside a controller for which no driver works (the kernel refuses it): the only disk is
    not the only one, so it is refused, with the controller's name; and taken once the server says that it is meant."""

    DATA = b"years of accounts"

    def test(self):
        self.rack.serve(append="module_blacklist=megaraid_sas")
        golden = TinyGolden(self.rack)
        golden.start()
        golden.serve(1)
        node = self.node(1, (64, "nvme"), (64, "megasas"))
        with node.disks[0].path.open("r+b") as image:
            image.seek(5 << 20)
            image.write(self.DATA)
        before = node.disks[0].path.read_bytes()
        node.start()
        node.console.wait(r"there may be disks here that cannot be seen.*nvme0n1")
        node.console.wait(r"Rebooting in \d+ sec")
        node.wait_end()
        self.assertEqual(node.disks[0].path.read_bytes(), before)
        self.assertTrue(node.disks[1].is_all_zeros())
        golden.interrupt()
        self.assertNotEqual(golden.exit_status(), 0)
        reason = golden.outcome()[node.mac]["reason"]
        self.assertRegex(reason, r"no driver works for pci 0000:00:\S+ \[1000:0060\], RAID controller \(modalias pci:")
        self.assertRegex(reason, r"katarget=sda=serial:nvme-0")

        golden.serve(1, OPTIONS + " --target sda=serial:nvme-0")
        node.start()
        node.console.wait(r"On nvme0n1 now: nothing that is known")
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertEqual(golden.exit_status(), 0)
        self.assertNotEqual(node.disks[0].path.read_bytes(), before)
        self.assertTrue(node.disks[1].is_all_zeros())


class PowerCut(OnARack):
    """The power of a node goes in mid-stream. Its neighbour is done all the same; it itself does not boot a broken
    system, boots from the network again, and is cloned in the next round without anybody doing anything."""

    def test(self):
        self.rack.serve()
        golden = TinyGolden(self.rack)
        golden.start()
        golden.serve(2)
        lucky = self.node(1, (64, "virtio-blk"))
        unlucky = self.node(2, (64, "lsi53c895a"), nic="e1000")
        for node in (lucky, unlucky):
            node.start()
        # As slow as an old network, so that mid-stream is long enough to be met.
        unlucky.console.wait(r"Receiving partitions information\.\.\.OK")
        for node in (lucky, unlucky):
            run("tc", "qdisc", "add", "dev", f"tap{node.number}", "root", "tbf", "rate", "16mbit", "burst", "32kb",
                "latency", "100ms")
        unlucky.console.wait(r"Linux copy is about to start")
        written = self._bytes_written(unlucky)
        while self._bytes_written(unlucky) < written + (2 << 20):
            self.assertTrue(unlucky.running)
            time.sleep(0.05)  # the disk's image gives no event
        unlucky.cut_power()
        self.assertNotIn("Linux copy done", unlucky.console.text)
        self.assertFalse(unlucky.disks[0].is_all_zeros(), "the power went before anything was written")

        unlucky.start("disk")
        unlucky.console.wait(r"[Nn]o bootable device|not a bootable disk|Booting from Hard Disk\.\.\.")
        self.assertNotRegex(unlucky.console.text, r"GRUB")
        unlucky.cut_power()

        lucky.console.wait(r"This machine is cloned")
        for node in (lucky, unlucky):
            run("tc", "qdisc", "del", "dev", f"tap{node.number}", "root")
        unlucky.start()
        unlucky.console.wait(r"This machine is cloned")
        for node in (lucky, unlucky):
            node.wait_end()
        self.assertEqual(golden.exit_status(), 0)
        self.assertEqual(golden.report()["nodes_done"], 2)
        unlucky.start("disk")
        unlucky.wait_up()

    def _bytes_written(self, node: machine.Machine) -> int:
        return node.disks[0].path.stat().st_blocks * 512


class Altered(OnARack):
    """Bytes change on the wire, with right checksums. While every packet is hit, nothing is mounted and nothing
    written; when it is one in a megabyte, each damaged chunk is found and sent again, and the clone is right. (The node
    boots by proxyDHCP, beside a DHCP server that knows nothing of it.)"""

    def test(self):
        self.rack.serve("proxy")
        golden = TinyGolden(self.rack)
        golden.start()
        golden.serve(1)
        cable = AlteringCable(self.rack.network, "altering", 30764)
        node = self.node(1, (64, "virtio-blk"), cable=cable).start()
        for _ in range(3):
            golden.console.wait(r"lost its upstream|dropped|failed")
        self.assertNotIn("Stage2 is there", node.console.text)
        self.assert_untouched(node)

        cable.every = 1 << 20
        golden.console.wait(r"the chunk at \d+ was damaged on its way")
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertGreater(cable.altered, 10)
        self.assertEqual(golden.exit_status(), 0)
        golden.console.type("poweroff\n")
        golden.machine.wait_end()
        self.assertEqual(self._differences(golden.machine, node), [])

    def _differences(self, golden: machine.Machine, clone: machine.Machine) -> list:
        trees = []
        for one in (golden, clone):
            with disk.mounted(one.disks[0].path, tiny.MOUNTS, self.rack.directory / "mnt", read_only=False) as root:
                # What no step of a clone changes.
                trees.append([compare.Tree.read(root / part) for part in ("usr", "bin", "lib", "srv/data")])
        return [found for pair in zip(*trees, strict=True) for found in compare.differences(*pair)]


class OddDisks(OnARack):
    """Disks that fail while they are written to, beside one that does not. One refuses a block of data with an I/O
    error, one takes it and loses it, one stands still for a minute: the first two clones fail, named at the node and at
    the server, and the third is done as the healthy one is. Without --verify all, a lost block of a boot file is
    found."""

    HOLD = 60

    def test(self):
        self.rack.serve()
        golden = TinyGolden(self.rack)
        golden.start()
        data = random.Random(24).randbytes(5 << 20)[3 << 20:][:64]  # what is in the middle of /srv/data/random
        golden.serve(4, OPTIONS + " --verify all")
        healthy = self.node(1, (64, "virtio-blk"), memory=256)
        refusing = self._odd_node(2, data, "refuse")
        losing = self._odd_node(3, data, "lose")
        slow = self._odd_node(4)
        for node in (healthy, refusing, losing, slow):
            node.start()
        slow.console.wait(r"Linux copy done")
        slow.disks[0].odd.hold()
        self.assertTrue(slow.disks[0].odd.waiting.wait(300), "nothing was written after the copy")
        time.sleep(self.HOLD)  # what is tested
        self.assertNotIn("The KA server is lost", slow.console.text)
        slow.disks[0].odd.go_on()

        losing.console.wait(r"read /srv/data/random back from the disk: what is read is not what was written")
        refusing.console.wait(r"This machine was not cloned.*[Ii](/O|nput/output) error")
        for node in (losing, refusing):
            self.assertGreater(node.disks[0].odd.met, 0)
            node.wait_end()
        for node in (healthy, slow):
            node.console.wait(r"This machine is cloned")
        golden.interrupt()
        golden.exit_status()
        rows = golden.outcome()
        self.assertEqual([rows[node.mac]["result"] for node in (healthy, slow)], ["done", "done"])
        self.assertEqual([rows[node.mac]["result"] for node in (losing, refusing)], ["failed", "failed"])
        self.assertIn("/srv/data/random", rows[losing.mac]["reason"])
        self.assertRegex(rows[refusing.mac]["reason"], r"[Ii](/O|nput/output) error")
        for node in (healthy, slow):
            node.wait_end()

        self._lost_boot_file(golden)

    def _lost_boot_file(self, golden: TinyGolden):
        kernel = (machine.ROOT / "build/kernel/vmlinuz").read_bytes()
        node = self._odd_node(5, kernel[2 << 20:][:64], "lose")
        golden.serve(1)
        node.start()
        node.console.wait(r"read /boot/vmlinuz back from the disk: what is read is not what was written")
        node.wait_end()
        golden.interrupt()
        golden.exit_status()
        self.assertIn("/boot/vmlinuz", golden.outcome()[node.mac]["reason"])
        node.start("disk")
        node.console.wait(r"[Nn]o bootable device|not a bootable disk|Booting from Hard Disk\.\.\.")
        node.cut_power()

    def _odd_node(self, number: int, marker: bytes = b"", fate: str = "") -> machine.Machine:
        node = self.node(number, (64, "virtio-blk"), memory=256)
        disk_file = node.disks[0].path
        node.disks[0].odd = OddDisk(disk_file, Path(f"/run/odd{number}"), marker, fate)
        return node


if __name__ == "__main__":
    golden.prepare("tiny")
    sandbox.enter()
    sandbox.need(*machine.programs())
    unittest.main(verbosity=2)
