"""The main job, whole: a golden Debian machine clones itself onto two blank machines that PXE-boot. Such machines are
known as they were, with one initrd tool or the other, and as they are today.

The stages are methods, called in their order by the main test (which only looks at the outcome) and by the demo (which
shows what goes on). Each raises with a reason when something is not as it must be.
"""

import contextlib
import json
import re
import shlex
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable

from . import busybox, compare, debian12_both, debian13, disk, golden, own_boot
from .firmware import FIRMWARES
from .machine import Disk, Machine
from .nvram import Nvram
from .rack import KEY, Rack

COMMAND = "ka-server -n {} {} -x /srv/excluded -r grub --json /run/ka.json"

# KA from its packages has the rest in its ka.conf.
_SETTINGS = ("pxe-values = /root/pxe.conf", "exclude = /srv/excluded", "json = /run/ka.json")
# What is typed for the service: what the journal has at the moment at which the service says that it is ready, and at
# its end its exit status.
_SERVICE = ("systemctl start ka-server; journalctl -u ka-server -o cat --no-pager; "
            "while systemctl -q is-active ka-server; do sleep 1; done; journalctl -u ka-server -o cat --no-pager; "
            "(exit $(systemctl show -P ExecMainStatus ka-server))")


@dataclass(frozen=True)
class Blank:
    """A machine to be cloned."""
    controller: str  # of its disk
    nic: str = "virtio-net-pci"
    firmware: str = ""  # empty: as the golden machine's


@dataclass(frozen=True)
class System:
    """A golden machine and those that it is cloned onto."""
    image: Callable[[], Path]
    size_mib: int
    mounts: dict[int, str]
    options: str  # of ka-server
    nodes: tuple[Blank, ...]
    controller: str = "virtio-scsi"
    firmware: str = "bios"
    memory: int = 512
    esp: int = 0  # the EFI system partition; 0: none
    swap: int = 0  # the swap space; 0: none
    rebuilds: str = ""  # the program that each clone must make its initrd anew with; empty: none must

    @property
    def command(self) -> str:
        return COMMAND.format(len(self.nodes), self.options)


DEBIAN12 = System(golden.debian, golden.SIZE_MIB, golden.MOUNTS, "-p sda /root/desc",
                  (Blank("virtio-blk"), Blank("ahci", "e1000")), swap=5)
DRACUT = replace(DEBIAN12, image=golden.debian_dracut, rebuilds="dracut")
DEBIAN13 = System(debian13.debian13, debian13.SIZE_MIB, debian13.MOUNTS, "",
                  (Blank("nvme"), Blank("ahci")), controller="nvme", firmware="secure-boot", memory=1024,
                  esp=debian13.ESP)
BOTH = System(debian12_both.debian12_both, debian12_both.SIZE_MIB, debian12_both.MOUNTS, "",
              (Blank("virtio-blk", "e1000"), Blank("ahci", firmware="uefi"), Blank("nvme", firmware="secure-boot")),
              esp=debian12_both.ESP, swap=debian12_both.SWAP, memory=1024)

# What may differ between the golden disk and a clone's, and why. "mtime" allows a directory only its time, because
# something in it is listed here. All else must be the same to the nanosecond.
MAY_DIFFER = [
    # Identity: what must not be the same on two machines.
    (r"etc/(hostname|hosts|machine-id)", "", "the clone's own name and machine-id"),
    (r"etc/ka/key", "", "the golden machine's key"),
    (r"etc/ssh/ssh_host_\w+_key(\.pub)?", "", "the clone's own keys"),
    (r"var/lib/systemd/random-seed", "", "a seed for one machine"),
    # Made to fit the clone's hardware.
    (r"boot/initrd\.img-.*", "", "made anew, with this machine's disk drivers"),
    (r"etc/(initramfs-tools/modules|dracut\.conf\.d/ka\.conf|modprobe\.d/ka.*\.conf)", "",
     "this machine's disk drivers"),
    (r"boot/grub/(i386-pc/.*|device\.map|fonts/.*|locale/.*|grubenv)", "", "what grub-install writes"),
    (r"var/cache/debconf/config\.dat", "", "the disk that grub-pc upgrades its boot sector on"),
    (r"var/log/ka(/.*)?", "", "the log of the clone's making"),
    (r"etc/mdadm/mdadm\.conf", "", "the clone's own name in those of its arrays"),
    (r"etc/lvm/(archive|backup)/vg0.*", "", "LVM's copies of metadata are of the clone's own groups"),
    (r"var/lib/initramfs-tools/.*", "", "written by update-initramfs"),
    # The golden machine goes on living while and after it sends.
    (r"var/log/(journal|private)/.*|var/log/(wtmp|btmp|lastlog)", "", "the golden node's own logs"),
    (r"var/lib/systemd/(timers|timesync|catalog)(/.*)?", "", "when the golden node's timers ran last"),
    (r"(var/)?tmp(/.*)?", "", "files of running programs"),
    # Left out, or hidden on a running system.
    (r"srv/excluded/.*", "", "left out by -x"),
    (r"(dev|proc|sys|run)/.*", "", "hidden under what the kernel mounts there"),
    (r"(var/)?lost\+found", "mtime", "mke2fs makes it"),
    (r"boot/efi", "", "the directory under what is mounted there is made anew"),
    # Directories in which something above was made, replaced or removed.
    (r"boot|boot/grub(/.*)?|etc|etc/(ssh|initramfs-tools|dracut\.conf\.d|modprobe\.d|ka|mdadm|lvm/archive|lvm/backup)"
     r"|var/log|var/log/journal|var/lib/systemd|var/lib/initramfs-tools|var/cache/debconf|dev|proc|sys|run", "mtime",
     "something in it is listed above"),
]

# What each machine must have of its own: the file, and which word of it.
IDENTITY = {"host name": ("etc/hostname", 0), "machine-id": ("etc/machine-id", 0),
            "ssh key": ("etc/ssh/ssh_host_ed25519_key.pub", 1)}


class Failed(Exception):
    """The clone is not what it must be."""


@dataclass
class Node:
    machine: Machine
    controller: str
    seconds: dict[str, float] = field(default_factory=dict)  # stage -> since power-on
    identity: dict[str, str] = field(default_factory=dict)
    result: str = "not finished"


# What the seconds of the table stand for: the line of the console that ends each stage.
STAGES = {
    "ka-init": r"^KA \d",
    "lease": r"The network is up",
    "stage2": r"Stage2 is there",
    "formatted": r"Linux copy is about to start",
    "copied": r"Linux copy done",
    "cloned": r"This machine is cloned",
}


class DebianClone:
    def __init__(self, rack: Rack, say: Callable[[str], None] = lambda text: None, system: System = DEBIAN12,
                 boot_servers: str = "isc"):
        self.rack = rack
        self.say = say
        self.system = system
        # As Rack.serve calls them; "http": isc, with a web server; "own": ka-server's, by --pxe, from the Debian
        # packages; "service": the same as a service of systemd.
        self.boot_servers = boot_servers
        self.packaged = boot_servers in ("own", "service")
        self.settings = list(_SETTINGS)
        if self.packaged:  # each machine shows what its own boot files gave it
            self.settings.append("only = /root/only")
        if boot_servers == "service":
            self.settings += [f"nodes = {len(system.nodes)}", "pxe = true"]
        self.command = {"own": f"ka-server -n {len(system.nodes)} --pxe",
                        "service": _SERVICE}.get(boot_servers, system.command)
        # Beside a DHCP server that knows nothing of PXE, UEFI boots by HTTP alone.
        self.http = boot_servers == "http" or (boot_servers == "proxy" and system.esp > 0)
        self.nodes: list[Node] = []

    def build(self) -> None:
        """The golden machine's disk, and the blank ones."""
        self.say("Putting KA into a copy of the golden Debian's disk" + ("" if self.packaged else " (make install)"))
        system = self.system
        image = disk.copy(system.image(), self.rack.directory / "golden.img")
        with disk.mounted(image, system.mounts, self.rack.directory / "mnt", read_only=False) as root:
            busybox.write(root / "etc/ka/key", KEY, 0o600)
            if self.packaged:
                golden.copy_packages(root / "root")
                (root / "root/pxe.conf").write_text(own_boot.VALUES)
            else:
                golden.install(root)
        self.golden = self.rack.machine("golden", 9, disks=[Disk(image, system.controller)], memory=system.memory,
                                        firmware=system.firmware)
        if self._by_uefi(self.golden):
            self._add_boot_entry(image)
        for number, one in enumerate(system.nodes, start=1):
            name = f"node{number}"
            blank = self.rack.blank_disk(name, system.size_mib, one.controller)
            machine = self.rack.machine(name, number, disks=[blank], nic=one.nic, memory=system.memory,
                                        firmware=one.firmware or system.firmware)
            self.nodes.append(Node(machine, one.controller))

    def _add_boot_entry(self, image: Path) -> None:
        """As Debian's installer leaves it in the golden machine's NVRAM."""
        FIRMWARES[self.golden.firmware].arguments(self.golden.nvram)  # makes it
        (esp,) = (one for one in disk.partitions(image) if one.number == self.system.esp)
        Nvram(self.golden.nvram).add_boot_entry(0, "debian", esp.number, esp.offset // 512, esp.size // 512, esp.guid,
                                                "\\EFI\\debian\\shimx64.efi")

    @staticmethod
    def _by_uefi(machine: Machine) -> bool:
        return machine.firmware != "bios"

    def _from_disk(self, machine: Machine) -> str:
        """How it starts from its own disk: under UEFI by its own boot entries."""
        return "nvram" if self._by_uefi(machine) else "disk"

    def start_golden(self) -> None:
        """The golden machine boots; the operator logs in and types the command."""
        self.rack.serve({"http": "isc", "own": "plain", "service": "plain"}.get(self.boot_servers, self.boot_servers),
                        http=self.http)
        self.say("The golden machine boots from its disk")
        self.golden.start(self._from_disk(self.golden))
        console = self.golden.console
        console.wait(r"root@golden:~# ", 900)
        self._install()
        self.say(f"The operator types: {self.command}")
        # What is compared later is what is on the disk now.
        console.command("systemctl is-system-running --wait; sync", 300)
        console.type(f"{self.command}; echo 'ka-server: exit' status $?\n")
        console.wait(r"Listening on TCP|^ka-server: ", 120)

    def _install(self) -> None:
        """KA on the golden machine that is up, where it was not put onto its disk."""
        if not self.packaged:
            return
        self.say("The operator types: apt install ./ka_*.deb ./ka-boot_*.deb")
        commands = ["cd /root && DEBIAN_FRONTEND=noninteractive apt-get install -y ./ka_*.deb ./ka-boot_*.deb && cd /"]
        commands.append(f"printf '%s\\n' {shlex.join(self.settings)} >> /etc/ka/ka.conf")
        cards = [f"rack {node.machine.mac}" for node in self.nodes]
        commands.append(f"printf '%s\\n' {shlex.join(cards)} > /root/only")
        for command in commands:
            status, output = self.golden.console.command(command, 600)
            if status:
                raise Failed(f"{command} ended with {status}:\n{output}")

    def clone(self) -> None:
        """The nodes boot by PXE, are cloned, and reboot, which here ends them."""
        self.say(f"{len(self.nodes)} blank machines are switched on; they boot from the network")
        for node in self.nodes:
            node.machine.start("http" if self.http else "network")
        for node in self.nodes:
            node.machine.console.wait(r"This clone will boot: ", 3600)
            node.machine.console.wait(r"This machine is cloned")
            if self.system.rebuilds and f" - Running {self.system.rebuilds}" not in node.machine.console.text:
                raise Failed(f"{node.machine.name}: its initrd was not made anew by {self.system.rebuilds}")
        for node in self.nodes:
            node.seconds["reboot"] = node.machine.wait_end(300)
            for stage, line in STAGES.items():
                if when := node.machine.console.time_of(line):
                    node.seconds[stage] = when - node.machine.started
        status = self.golden.console.wait(r"^ka-server: exit status (\d+)", 300).group(1)
        if status != "0":
            raise Failed(f"ka-server ended with status {status}\n{self.golden.console.tail()}")
        report = json.loads(self.golden.console.command("cat /run/ka.json")[1])
        if report["result"] != "done" or [node["result"] for node in report["nodes"]] != ["done"] * len(self.nodes):
            raise Failed(f"ka-server's report does not say that all nodes are done: {report}")
        for node in report["nodes"]:
            if missing := {"host-name", "machine-id", "ssh-host-keys"} - {one["item"]
                                                                          for one in node["identity"]["renewed"]}:
                raise Failed(f"ka-server's report does not say that {missing} were renewed: {node}")
        # The power goes now, so that nothing is written any more that the clones cannot have.
        self.golden.console.type("sync; echo o > /proc/sysrq-trigger\n")
        self.golden.wait_end(120)

    def compare(self) -> None:
        """Every file of each clone with the golden one; file systems and partition tables too."""
        self.say("Comparing every file of the clones with the golden disk")
        with self._opened(self.golden, read_only=False) as root:
            original = compare.Tree.read(root)
            self.golden_identity = {name: (root / file).read_text().split()[field]
                                    for name, (file, field) in IDENTITY.items()}
        for node in self.nodes:
            self._compare_tables(node)
            with self._opened(node.machine) as root:
                copy = compare.Tree.read(root)
                self._excluded_is_empty(root)
                if (root / "etc/ka/key").exists():
                    raise Failed(f"{node.machine.name} has the golden machine's key")
            wrong = [f"{_printable(path)}: {what}" for path, what in compare.differences(original, copy)
                     if not _allowed(path, what)]
            if wrong:
                (self.rack.directory / f"{node.machine.name}.differences").write_text("\n".join(wrong) + "\n")
                raise Failed(f"{node.machine.name}: {len(wrong)} differences from the golden disk:\n  " +
                             "\n  ".join(wrong[:40]))
            for number in self._esps:
                self._compare_esps(node, *(one.disks[number].path for one in (self.golden, node.machine)))
            node.result = f"{len(copy.entries)} files equal"

    def _opened(self, machine: Machine, read_only: bool = True) -> contextlib.AbstractContextManager[Path]:
        """All files of a machine that is off."""
        return disk.mounted(machine.disks[0].path, self.system.mounts, self.rack.directory / "mnt", read_only)

    def _compare_tables(self, node: Node) -> None:
        image, clone = (machine.disks[0].path for machine in (self.golden, node.machine))
        for ours, theirs in zip(disk.partitions(image), disk.partitions(clone), strict=True):
            # Where a partition starts and ends is for the node's own sfdisk to align.
            if (ours.number, ours.type, ours.uuid, ours.file_system, ours.label) != (
                    theirs.number, theirs.type, theirs.uuid, theirs.file_system, theirs.label):
                raise Failed(f"{node.machine.name}: partition {ours} became {theirs}")

    @property
    def _esps(self) -> list[int]:
        """The disks that have an EFI system partition."""
        return [0] if self.system.esp else []

    def _compare_esps(self, node: Node, golden_image: Path, clone: Path) -> None:
        """Every file of the EFI system partition; nothing but the removable path is added."""
        ours, theirs = ({str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*")
                         if file.is_file()}
                        for folder in (disk.fat_files(image, self.system.esp, self.rack.directory / "esp")
                                       for image in (golden_image, clone)))
        wrong = [name for name in ours if theirs.get(name) != ours[name]]
        wrong += [name for name in theirs if name not in ours and not name.startswith("EFI/BOOT/")]
        if wrong:
            raise Failed(f"{node.machine.name}: not as in the golden EFI system partition: {', '.join(wrong)}")

    def _excluded_is_empty(self, root: Path) -> None:
        excluded = root / "srv/excluded"
        if not excluded.is_dir() or list(excluded.iterdir()):
            raise Failed(f"{excluded} is not an empty directory")

    def boot_clones(self, network_first: bool = False) -> None:
        """They boot from their own disk and tell who they are: with no boot ROM on their network cards, or though the
        network comes before the disk."""
        self.say("The clones boot from their own disks; " + ("the network comes first in their boot order"
                 if network_first else "there is no boot ROM on their network cards any more"))
        for node in self.nodes:
            first = "network" if self._by_uefi(node.machine) else "network-first"
            node.machine.start(first if network_first else self._from_disk(node.machine))
        for node in self.nodes:
            console = node.machine.console
            console.wait(r"\(automatic login\)", 900)  # an earlier start has left a prompt
            console.wait(r"root@\S+:~# ", 300)
            node.seconds["login"] = time.monotonic() - node.machine.started
            state = console.command("systemctl is-system-running --wait", 300)[1].strip()
            if state != "running":
                failed = console.command("systemctl --failed --no-legend")[1]
                raise Failed(f"{node.machine.name}: systemd is {state}: {failed}")
            for name, (file, word) in IDENTITY.items():
                node.identity[name] = console.command(f"cat /{file}")[1].split()[word]
            commands = {"running name": "hostname", "swap": "swapon --noheadings --show=UUID"}
            commands |= {point: f"findmnt -no UUID {point}" for point in self._uuids() if point.startswith("/")}
            if node.machine.firmware == "secure-boot":
                commands["Secure Boot"] = "dmesg | grep -o 'Secure boot enabled'"
            for name, command in commands.items():
                node.identity[name] = console.command(command)[1].strip()
            self._look(node)
        self._check_identities()
        for node in self.nodes:
            node.machine.console.type("systemctl poweroff\n")
        for node in self.nodes:
            node.machine.wait_end(300)
            node.result += ", boots"

    def _look(self, node: Node) -> None:
        """At more of a clone that is up."""

    def _uuids(self) -> dict[str, str]:
        """What is mounted on a clone, by its point, and its swap space."""
        there = {part.number: part.uuid for part in disk.partitions(self.golden.disks[0].path)}
        found = {point: there[number] for number, point in self.system.mounts.items()}
        return found | {"swap": there.get(self.system.swap, "")}

    def _check_identities(self) -> None:
        clones = [node.identity for node in self.nodes]
        for name in IDENTITY:
            values = [identity[name] for identity in (self.golden_identity, *clones)]
            if len(set(values)) != len(values):
                raise Failed(f"the {name} is not each machine's own: {values}")
        for node, identity in zip(self.nodes, clones):
            if identity["running name"] != identity["host name"]:
                raise Failed(f"a clone calls itself {identity['running name']}, not {identity['host name']}")
            wanted = self._uuids()
            if node.machine.firmware == "secure-boot":
                wanted["Secure Boot"] = "Secure boot enabled"
            if any(identity[name] != value for name, value in wanted.items()):
                raise Failed(f"a clone has {identity}, which should be {wanted}")


def _allowed(path: bytes, what: str) -> bool:
    text = path.decode(errors="surrogateescape")
    return any(re.fullmatch(pattern, text, re.DOTALL) and what.startswith(kind) for pattern, kind, _ in MAY_DIFFER)


def _printable(path: bytes) -> str:
    return shlex.quote(path.decode(errors="backslashreplace"))
