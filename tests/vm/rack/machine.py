"""QEMU machines: what a person in front of a rack can do with one. Plug disks in, power on, read and type at the
console, cut the power."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import monitor
from .console import Console, ConsoleError
from .firmware import FIRMWARES
from .network import Network
from .odd_disk import OddDisk
from .sandbox import CommandFailed
from .wire import AlteringCable

ROOT = Path(__file__).resolve().parents[3]

# QEMU devices for one disk; {n} numbers the disks of a machine. All of them are bootable by QEMU's BIOS.
CONTROLLERS = {
    "virtio-blk": ["virtio-blk-pci,drive=d{n}"],
    "ahci": ["ahci,id=c{n}", "ide-hd,drive=d{n},bus=c{n}.0"],
    "piix": ["ide-hd,drive=d{n},bus=ide.{n}"],
    "virtio-scsi": ["virtio-scsi-pci,id=c{n}", "scsi-hd,drive=d{n},bus=c{n}.0"],
    "lsi53c895a": ["lsi53c895a,id=c{n}", "scsi-hd,drive=d{n},bus=c{n}.0"],
    "megasas": ["megasas,id=c{n}", "scsi-hd,drive=d{n},bus=c{n}.0"],
    "mptsas1068": ["mptsas1068,id=c{n}", "scsi-hd,drive=d{n},bus=c{n}.0,wwn=0x500000000000000{n}"],
    "nvme": ["nvme,drive=d{n},serial=nvme-{n}"],
    "sd-card": ["sdhci-pci,id=c{n}", "sd-card,drive=d{n}"],
    "pvscsi": ["pvscsi,id=c{n}", "scsi-hd,drive=d{n},bus=c{n}.0"],
}


@dataclass
class Disk:
    path: Path
    controller: str = "virtio-blk"
    read_only: bool = False
    odd: OddDisk | None = None  # QEMU reaches it through this
    sector: int = 512  # logical and physical
    properties: str = ""  # more of them, as QEMU has them: "wwn=1,serial=x"
    shared: bool = False  # another disk of the machine has the same image

    @staticmethod
    def blank(path: Path, mib: int, controller: str = "virtio-blk") -> "Disk":
        """An empty disk, all zeros, that takes no space here."""
        path.unlink(missing_ok=True)
        with path.open("wb") as image:
            image.truncate(mib << 20)
        return Disk(path, controller)

    def words(self) -> str:
        """Of its QEMU device, beside those of its controller."""
        sectors = "" if self.sector == 512 else f",logical_block_size={self.sector},physical_block_size={self.sector}"
        return sectors + (",share-rw=on" if self.shared else "") + ("," + self.properties if self.properties else "")

    def is_all_zeros(self) -> bool:
        """Whether nothing but zeros was ever written; holes in the image are not even read."""
        with self.path.open("rb", buffering=0) as image:
            size = os.fstat(image.fileno()).st_size
            position = 0
            while position < size:
                try:
                    position = os.lseek(image.fileno(), position, os.SEEK_DATA)
                except OSError:
                    return True
                data = os.pread(image.fileno(), 1 << 20, position)
                if data.count(0) != len(data):
                    return False
                position += len(data)
        return True


@dataclass(eq=False)
class Machine:
    """One machine. It can be started again after it ended; its console goes on in the same log."""
    name: str
    number: int  # makes its hardware address, tap and place in DHCP
    network: Network
    directory: Path  # consoles and the like
    disks: list[Disk] = field(default_factory=list)
    nic: str = "virtio-net-pci"
    memory: int = 512  # MiB
    firmware: str = "bios"  # of FIRMWARES: "bios", "uefi", "secure-boot", "own-keys"
    cable: AlteringCable | None = None  # instead of a tap on the bridge
    console: Console = field(init=False)

    def __post_init__(self):
        self.console = Console(self.name, self.directory / f"{self.name}.console")
        self._process: subprocess.Popen | None = None
        self.started = 0.0

    @property
    def mac(self) -> str:
        return f"52:54:00:77:00:{self.number:02x}"

    def start(self, boot: str = "network", reboots: bool = False) -> "Machine":
        """boot: "network" (PXE, as the firmware finds it), "disk" (no boot ROM on the NIC at all), of a BIOS machine
        also "network-first" (PXE, then the disk), of a UEFI machine also "http" (UEFI HTTP boot), and "nvram": in the
        order of its own boot entries, without PXE. With reboots=False a reboot of the guest ends the machine, so that
        its disks stand still."""
        socket = f"/run/{self.name}.console"
        firmware = FIRMWARES[self.firmware]
        command = ["qemu-system-x86_64", "-name", self.name, "-accel", accelerator(),
                   *firmware.arguments(self.nvram),
                   "-m", str(self.memory), "-smp", "1", "-display", "none", "-no-user-config",
                   "-nodefaults", "-qmp", f"unix:{self._monitor},server=on,wait=off", "-vga", "std", "-rtc", "base=utc",
                   "-chardev", f"socket,id=serial0,path={socket},server=on,wait=on,"
                               f"logfile={self.console.log},logappend=on",
                   "-serial", "chardev:serial0",
                   "-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0",
                   "-netdev", f"{self._netdev()},id=n0",
                   "-device", f"{self.nic},netdev=n0,mac={self.mac}" + firmware.network_card(boot),
                   *firmware.boot_order(boot)]
        if not reboots:
            command.append("-no-reboot")
        for n, disk in enumerate(self.disks):
            # Nothing here outlives a crash of this machine, so no write needs to reach its disk.
            file = f"{disk.path},discard=unmap" + (",file.locking=off" if disk.shared else "")
            if disk.odd:
                file = f"nbd:unix:{disk.odd.address},werror=report,rerror=report"
            command += ["-drive", f"if=none,id=d{n},format=raw,cache=unsafe,"
                                  f"read-only={'on' if disk.read_only else 'off'},file={file}"]
            *controllers, drive = CONTROLLERS[disk.controller]
            for device in [*controllers, f"{drive},id=disk{{n}}" + disk.words() + firmware.disk(boot, n)]:
                command += ["-device", device.format(n=n)]
        errors = (self.directory / f"{self.name}.qemu").open("ab")
        Path(socket).unlink(missing_ok=True)
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        errors.close()
        self._connect(socket)
        self.started = time.monotonic()
        return self

    @property
    def nvram(self) -> Path:
        """What a UEFI machine remembers from start to start: its boot entries, its Secure Boot keys."""
        return self.directory / f"{self.name}.nvram"

    def reset_nvram(self) -> None:
        """As a new battery does: the next start finds what the firmware came with."""
        self.nvram.unlink(missing_ok=True)

    @property
    def _monitor(self) -> str:
        return f"/run/{self.name}.monitor"

    def pull(self, disk: Disk) -> None:
        """One of virtio-scsi, out of the running machine and without a word to it before: what is under way fails."""
        monitor.execute(self._monitor, "device_del", id=f"disk{self.disks.index(disk)}")

    def _netdev(self) -> str:
        if self.cable:
            return self.cable.netdev
        return f"tap,ifname={self.network.tap(f'tap{self.number}')},script=no,downscript=no"

    def _connect(self, socket: str) -> None:
        while True:
            try:
                return self.console.connect(socket)
            except (FileNotFoundError, ConnectionRefusedError):
                if self._process.poll() is not None:
                    said = (self.directory / f"{self.name}.qemu").read_text(errors="replace")
                    raise CommandFailed(f"{self.name}: QEMU ended with status {self._process.returncode}: {said}")
                time.sleep(0.02)  # QEMU gives no other sign that its socket is there

    def wait_end(self, limit: float = 600) -> float:
        """Until the guest powered off, or rebooted where it may not; seconds since the start."""
        self.console.wait_end(limit)
        self._process.wait()
        return time.monotonic() - self.started

    def wait_up(self, limit: float = 900) -> None:
        """Until the tiny system that was cloned onto this machine is up, under the very name that the clone gave it."""
        given = re.findall(r"Host name is (\S+) \(golden node: (\S+)\)", self.console.text)
        if not given or given[-1][0] == given[-1][1]:
            raise ConsoleError(f"{self.name} was given no name of its own: {given}")
        found = self.console.wait(r"system is up: (\S+) ", limit).group(1)
        if found != given[-1][0]:
            raise ConsoleError(f"{self.name} calls itself {found}, not {given[-1][0]}")

    @property
    def pid(self) -> int:
        """Of the running machine's QEMU."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def cut_power(self) -> None:
        if self.running:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.console.wait_end(60)


def accelerator() -> str:
    """"kvm" where a guest was seen to run under it, else "tcg". /dev/kvm alone proves nothing, nor does a BIOS that
    speaks: there are hosts where a guest hangs as soon as a kernel starts. So the probe is a kernel that must get as
    far as to miss its root file system; the verdict holds until this machine is booted again."""
    if choice := os.environ.get("KA_RACK_ACCEL"):
        return choice
    kernel = ROOT / "build/vmlinuz"
    verdict = ROOT / "build/vm/accelerator"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if not verdict.exists() or not verdict.read_text().endswith(boot):
        if not kernel.exists():
            return "tcg"
        verdict.write_text(f"{'kvm' if _kvm_works(kernel) else 'tcg'} {boot}")
    return verdict.read_text().split()[0]


def _kvm_works(kernel: Path) -> bool:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    try:
        probe = subprocess.run(["qemu-system-x86_64", "-accel", "kvm", "-M", "pc", "-m", "256", "-display", "none",
                                "-monitor", "none", "-nodefaults", "-serial", "stdio", "-no-reboot", "-kernel", kernel,
                                "-append", "console=ttyS0 panic=-1"],
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    return b"Unable to mount root fs" in probe.stdout


def programs() -> list[str]:
    """What a rack runs, for sandbox.need()."""
    return ["qemu-system-x86_64", "ip", "dhcpd", "in.tftpd", "dnsmasq", "sfdisk", "mke2fs"]
