"""The rack's network: one bridge, a tap for each machine, and the real boot servers.

Addresses are the same in every rack; each rack has its own network namespace (see sandbox).
"""

import subprocess
from pathlib import Path

from .sandbox import CommandFailed, run

BRIDGE = "br0"
SERVER = "10.77.0.1"


class Network:
    def __init__(self):
        self._taps: set[str] = set()
        run("ip", "link", "set", "lo", "up")
        # A port must pass packets at once: no spanning tree, no listening state, no multicast snooping.
        run("ip", "link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0",
            "mcast_snooping", "0")
        run("ip", "addr", "add", f"{SERVER}/24", "dev", BRIDGE)
        run("ip", "addr", "add", "fd77::1/64", "dev", BRIDGE, "nodad")
        run("ip", "link", "set", BRIDGE, "up")
        # The DHCP clients' broadcasts come from and go to any address.
        run("ip", "route", "add", "255.255.255.255", "dev", BRIDGE)

    def remove(self) -> None:
        """For the next rack of the same program."""
        for name in (*self._taps, BRIDGE):
            run("ip", "link", "delete", name)

    def tap(self, name: str) -> str:
        """A port of the bridge for one machine; kept for its next start."""
        if name not in self._taps:
            run("ip", "tuntap", "add", name, "mode", "tap")
            self.add(name)
        return name

    def add(self, name: str) -> None:
        """An interface as a port of the bridge; it goes with the rack."""
        self._taps.add(name)
        run("ip", "link", "set", name, "master", BRIDGE, "up")


class Host:
    """Another machine on the bridge: a network namespace with one card, eth0."""

    def __init__(self, network: Network, name: str, address: str):
        self.name = name
        run("ip", "netns", "add", name)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        network.add(name)
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{address}/24", "dev", "eth0"),
                      ("link", "set", "eth0", "up")):
            run("ip", "-n", name, *words)

    def start(self, *command, **how) -> subprocess.Popen:
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], stdin=subprocess.DEVNULL, **how)


class Daemon:
    """A server in the foreground, its words in a file. Ends with the rack, or by stop()."""
    _running: "list[Daemon]" = []

    def __init__(self, name: str, command: list, log: Path):
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                                             stderr=subprocess.STDOUT)
        self._running.append(self)

    def check(self) -> None:
        """CommandFailed if it has ended by itself."""
        if (status := self._process.poll()) is not None:
            said = self.log.read_text(errors="replace")[-1500:]
            raise CommandFailed(f"{self.name} ended with status {status}: {said}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    @classmethod
    def stop_all(cls) -> None:
        while cls._running:
            cls._running.pop().stop()


def router_advertiser(directory: Path) -> Daemon:
    """Answers the IPv6 router solicitation of iPXE, which otherwise waits 16 s for one before it does DHCP."""
    return Daemon("router advertiser", ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts",
                                        "--no-resolv", "--port=0", f"--interface={BRIDGE}", "--user=root",
                                        "--log-facility=-", "--enable-ra", "--dhcp-range=fd77::,ra-only",
                                        "--dhcp-leasefile=/run/ra.leases", "--pid-file="], directory / "ra.log")


def dhcpd(configuration: Path, directory: Path) -> Daemon:
    """isc-dhcp-server."""
    leases = Path("/run/dhcpd.leases")
    leases.touch()
    Path("/run/dhcpd.pid").unlink(missing_ok=True)
    return Daemon("dhcpd", ["dhcpd", "-4", "-f", "-d", "-cf", configuration, "-lf", leases, "-pf", "/run/dhcpd.pid",
                            BRIDGE], directory / "dhcpd.log")


def kea(configuration: Path, directory: Path) -> Daemon:
    """Kea, with its files in /run."""
    here = Path("/run/kea-dhcp4.conf")
    memfile = '"type": "memfile"'
    here.write_text(configuration.read_text().replace(memfile, memfile + ', "name": "/run/kea.leases"'))
    return Daemon("Kea", ["env", "KEA_PIDFILE_DIR=/run", "KEA_LOCKFILE_DIR=/run", "kea-dhcp4", "-c", here],
                  directory / "kea.log")


def httpd(root: Path, directory: Path) -> Daemon:
    """A web server: busybox's."""
    return Daemon("httpd", ["busybox", "httpd", "-f", "-vv", "-p", f"{SERVER}:80", "-h", root], directory / "httpd.log")


def tftpd(root: Path, directory: Path) -> Daemon:
    """tftpd-hpa."""
    return Daemon("in.tftpd", ["in.tftpd", "-L", "-4", "-a", f"{SERVER}:69", "-P", "/run/tftpd.pid", "-s", root],
                  directory / "tftpd.log")


def dnsmasq(configuration: Path, directory: Path) -> Daemon:
    """dnsmasq as DHCP and TFTP server, or as proxyDHCP beside dhcpd: as its configuration says."""
    return Daemon("dnsmasq", ["dnsmasq", "--keep-in-foreground", f"--conf-file={configuration}", "--user=root",
                              "--log-facility=-", "--log-dhcp", "--dhcp-leasefile=/run/dnsmasq.leases", "--pid-file="],
                  directory / "dnsmasq.log")
