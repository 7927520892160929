"""A machine on the rack's bridge that answers machines which boot by PXE, by ka-server and the dnsmasq that it starts:
a network namespace, with the processors of this machine and no emulated ones."""

import shutil
import time
from pathlib import Path

from rack.golden import ROOT
from rack.network import Daemon, Host
from rack.rack import KA_SERVER, Rack
from rack.sandbox import run


class BootHost:
    def __init__(self, rack: Rack):
        self.rack, self.runs = rack, 0
        self.host = Host(rack.network, "server", "10.77.0.2")
        self._install()
        self.use(ROOT / "build")
        self.values = rack.directory / "pxe.values"
        self.values.write_text("serial = 0 115200\nappend = no_timer_check\n")

    def _install(self) -> None:
        """What --pxe wants to have on this machine, in the rack's sight alone."""
        over = Path("/run/over")
        for folder in ("upper", "work"):
            (over / folder).mkdir(parents=True)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={ROOT / 'build/unpacked/usr'}:/usr,upperdir={over / 'upper'},workdir={over / 'work'}", "/usr")
        shutil.copytree(ROOT / "pxe-config", "/usr/share/ka/pxe-config")
        Path("/usr/lib/ka/boot").mkdir(parents=True)

    def use(self, build: Path) -> None:
        """What machines boot from now on, and by which ka-server: those of this build folder."""
        self.ka_server = build / KA_SERVER.relative_to(ROOT / "build")
        for name in ("vmlinuz", "all.rdz"):
            shutil.copy(build / name, "/usr/lib/ka/boot")

    def start(self, *words) -> Daemon:
        """ka-server with these words; ended by its stop()."""
        self.runs += 1
        return Daemon("ka-server", ["ip", "netns", "exec", self.host.name, self.ka_server, *words, "--pxe-values",
                                    self.values], self.rack.directory / f"boot-host{self.runs}.log")

    @staticmethod
    def wait(server: Daemon, words: str) -> None:
        """Until its log has them: it gives no other sign."""
        while words not in server.log.read_text(errors="replace"):
            server.check()
            time.sleep(0.02)
