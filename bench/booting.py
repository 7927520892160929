"""How long machines take from power-on to PID 1 by `ka-server --pxe` when one boots, and when eight do at once.

All machines of a rack share this machine's processors, so eight would take longer for that alone. So each may use a
small share and no more, and when one boots, seven idle loops use the shares of the others: what is left to differ is
what they fetch, and from whom.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from rack.golden import ROOT
from rack.network import BRIDGE, Daemon
from rack.rack import KA_SERVER, Rack
from rack.sandbox import run

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
    def __init__(self, rack: Rack):
        self.rack, self.runs = rack, 0
        run("ip", "netns", "add", "server")
        run("ip", "link", "add", "server", "type", "veth", "peer", "name", "eth0", "netns", "server")
        run("ip", "link", "set", "server", "master", BRIDGE, "up")
        for words in ("addr add 10.77.0.2/24 brd + dev eth0", "link set eth0 up", "link set lo up"):
            run("ip", "-n", "server", *words.split())
        # What is sent is never asked for: one node more is wanted than there are.
        self.image = Image(str(rack.directory / "image"))
        self._install()
        values = rack.directory / "pxe.values"
        values.write_text("serial = 0 115200\nappend = no_timer_check\n")
        self.server = ["ip", "netns", "exec", "server", KA_SERVER, "deploy", self.image.folder, "-n", COUNT + 1,
                       "--open", "--pxe", "--pxe-values", values]

    def _install(self) -> None:
        """What --pxe wants to have on this machine, in the rack's sight alone."""
        over = Path("/run/over")
        for folder in ("upper", "work"):
            (over / folder).mkdir(parents=True)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={ROOT / 'build/unpacked/usr'}:/usr,upperdir={over / 'upper'},workdir={over / 'work'}", "/usr")
        for folder, files in {"lib/ka/boot": (ROOT / "build/vmlinuz", ROOT / "build/all.rdz"),
                              "share/ka/pxe-config": tuple((ROOT / "pxe-config").iterdir())}.items():
            (Path("/usr") / folder).mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copy(file, Path("/usr") / folder)

    def seconds(self, count: int) -> float:
        """From the first power-on to the last one's PID 1."""
        self.runs += 1
        shares, idle = Shares(), []
        server = Daemon("ka-server", self.server, self.rack.directory / f"booting{self.runs}.log")
        machines = [self.rack.machine(f"boot{number}", 20 + number,
                                      disks=[self.rack.blank_disk(f"boot{number}", 64, "virtio-blk")])
                    for number in range(count)]
        try:
            self._answers(server)
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

    @staticmethod
    def _answers(server: Daemon) -> None:
        while "are told to become clones" not in server.log.read_text(errors="replace"):
            server.check()
            time.sleep(0.1)  # its log gives no sign
