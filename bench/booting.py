"""How long machines take from power-on to PID 1 by `ka-server --pxe` when one boots, and when eight do at once.

All machines of a rack share this machine's processors, so eight would take longer for that alone. So each may use a
small share and no more, and when one boots, seven idle loops use the shares of the others: what is left to differ is
what they fetch, and from whom.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from boot_host import BootHost
from rack.golden import ROOT
from rack.rack import Rack

sys.path.insert(0, str(ROOT / "tests/net"))
from golden_image import Image  # noqa: E402

COUNT = 8
SHARE = 0.8 * os.cpu_count() / COUNT  # of a processor, for each; the rest is the servers'
PERIOD = 20_000  # µs, short beside what is measured


class Shares:
    """Control groups, by version 2 or 1 of their interface (Linux, cgroup-v2.rst and sched-bwc.rst)."""

    def __init__(self):
        root = Path("/sys/fs/cgroup")
        self.unified = (root / "cgroup.controllers").exists()
        self.root = root if self.unified else root / "cpu"
        if self.unified:
            (root / "cgroup.subtree_control").write_text("+cpu")
        self.made: list[Path] = []

    def limit(self, pid: int) -> None:
        folder = self.root / f"ka-bench-{os.getpid()}-{len(self.made)}"
        folder.mkdir()
        self.made.append(folder)
        quota = int(SHARE * PERIOD)
        if self.unified:
            (folder / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
            (folder / "cpu.cfs_quota_us").write_text(str(quota))
        (folder / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Once all in them have ended."""
        while self.made:
            self.made.pop().rmdir()


class Booting:
    def __init__(self, rack: Rack, boot_host: BootHost):
        self.rack, self.boot_host = rack, boot_host
        # What is sent is never asked for: one node more is wanted than there are.
        self.image = Image(str(rack.directory / "image"))

    def seconds(self, count: int) -> float:
        """From the first power-on to the last one's PID 1."""
        shares, idle = Shares(), []
        server = self.boot_host.start("deploy", self.image.folder, "-n", COUNT + 1, "--open", "--pxe")
        machines = [self.rack.machine(f"boot{number}", 20 + number,
                                      disks=[self.rack.blank_disk(f"boot{number}", 64, "virtio-blk")])
                    for number in range(count)]
        try:
            self.boot_host.wait(server, "are told to become clones")
            for _ in range(COUNT - count):
                idle.append(subprocess.Popen(["sh", "-c", "while :; do :; done"]))
                shares.limit(idle[-1].pid)
            for machine in machines:
                machine.start("network")
                shares.limit(machine.pid)
            for machine in machines:
                machine.console.wait(r"^KA \d", 900)
            return time.monotonic() - machines[0].started  # the last of them is there
        finally:
            for machine in machines:
                machine.cut_power()
                self.rack.machines.remove(machine)
            for process in idle:
                process.send_signal(signal.SIGKILL)
                process.wait()
            server.stop()
            shares.remove()
