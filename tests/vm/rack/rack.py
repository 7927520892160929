"""A rack with its network, boot servers and machines, and the folder where it writes what happened."""

import shutil
from pathlib import Path

from . import network
from .golden import CACHE, ROOT
from .machine import Disk, Machine
from .sandbox import run

# The key of all golden machines here, and what its nodes know it by.
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"
PUBLIC_KEY = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8"
KA_SERVER = ROOT / "build/musl-static/server/ka-server"


class Rack:
    """Build it inside the sandbox. The folder build/vm/run/NAME keeps the consoles and the servers' logs of the last
    run; the disks' images go when the rack is left."""

    def __init__(self, name: str):
        self.directory = CACHE / "run" / name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.network = network.Network()
        self.machines: list[Machine] = []
        self._advertiser = network.router_advertiser(self.directory)

    def __enter__(self) -> "Rack":
        return self

    def __exit__(self, kind, error, trace) -> None:
        for machine in self.machines:
            if machine.running:
                machine.cut_power()
        if error is not None:
            for machine in self.machines:
                print(f"--- the end of {machine.console.log.relative_to(ROOT)}\n{machine.console.tail(40)}", flush=True)
        network.Daemon.stop_all()
        self.network.remove()
        for image in self.directory.glob("*.img"):
            image.unlink()

    def serve(self, programs: str = "isc", label: str = "kamethod", append: str = "", http: bool = False,
              uki: Path | None = None) -> None:
        """Boot servers with the configuration that `ka-server pxe-config` writes: "isc" (dhcpd and tftpd-hpa), "kea"
        (with tftpd-hpa), "dnsmasq", "proxy" (dnsmasq beside a dhcpd that knows nothing of PXE), or "plain" (that dhcpd
        alone). label: what boots; append: words for the kernel's command line; http: with a web server; uki: what UEFI
        machines boot. no_timer_check: a guest whose host is busy would give up before it has begun."""
        pxe = self.directory / "pxe"
        run(KA_SERVER, "pxe-config", "--templates", ROOT / "pxe-config", "--output", pxe, "--interface", network.BRIDGE,
            "--kakey", PUBLIC_KEY, "--range", "10.77.0.100,10.77.0.200", "--gateway", "none", "--dns", "none",
            "--domain", "none",
            "--append", f"no_timer_check {append}".strip(), *(["--http", "80"] if http else []),
            *(["--uki", uki] if uki else []),
            "--default", label, "--timeout", "1", "--serial", "0 115200", "--tftp-root", self.tftp_root,
            "--install-boot-files", "--boot-files", ROOT / "build", "--packages", ROOT / "build/unpacked")
        self.dhcp_configuration = pxe / "dhcpd.conf"
        if http:
            self.web = network.httpd(self.tftp_root, self.directory)
        if programs == "isc":
            self.tftp = network.tftpd(self.tftp_root, self.directory)
            self.start_dhcp()
        elif programs == "kea":
            self.tftp = network.tftpd(self.tftp_root, self.directory)
            self.dhcp = network.kea(pxe / "kea-dhcp4.conf", self.directory)
        elif programs == "dnsmasq":
            self.tftp = self.dhcp = network.dnsmasq(pxe / "dnsmasq.conf", self.directory)
        else:
            if programs == "proxy":
                self.tftp = network.dnsmasq(pxe / "dnsmasq-proxy.conf", self.directory)
            self.serve_addresses()

    def serve_addresses(self) -> None:
        """By a dhcpd that knows nothing of PXE."""
        self.dhcp_configuration = self.directory / "plain-dhcpd.conf"
        self.dhcp_configuration.write_text("subnet 10.77.0.0 netmask 255.255.255.0 "
                                           "{ range 10.77.0.100 10.77.0.200; }\n")
        self.start_dhcp()

    @property
    def tftp_root(self) -> Path:
        return self.directory / "pxe/tftpboot"

    def choose(self, machine: Machine, label: str) -> None:
        """A file of GRUB's for this machine alone: it boots `label`."""
        own = self.tftp_root / f"grub/grub.cfg-01-{machine.mac.replace(':', '-')}"
        own.write_text(f"source $prefix/grub.cfg\nset default={label}\n")

    def start_dhcp(self) -> None:
        self.dhcp = network.dhcpd(self.dhcp_configuration, self.directory)

    def machine(self, name: str, number: int, **parts) -> Machine:
        machine = Machine(name, number, self.network, self.directory, **parts)
        self.machines.append(machine)
        return machine

    def blank_disk(self, name: str, mib: int, controller: str) -> Disk:
        return Disk.blank(self.directory / f"{name}.img", mib, controller)
