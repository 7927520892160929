"""One run of ka, netcat or udpcast from a server to the nodes of a network of namespaces, with its clock."""

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "net"))
import rack  # noqa: E402
from rack import Rack, wait_until  # noqa: E402

PORT = "5000"
UNPACKED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/unpacked/usr/bin")  # by scripts/need


@dataclass
class Result:
    seconds: float  # from the source's first byte to the last node's end
    right: int      # nodes with the right bytes, whole
    of: int
    cpu: float      # seconds, of the nodes, and of the server if all of them were waited for
    memory: float   # MiB, of the largest node

    def said(self):
        return "all right" if self.right == self.of else f"{self.right} of {self.of} right"


class Transfer:
    """Every node pipes the stream into a program, as a clone does into tar: cksum, so that every byte is checked, or
    sink="null", cat into /dev/null. No disk of this machine is measured. The clock starts when the source is opened."""

    def __init__(self, hosts, mbit, size=0, source=None, sink="cksum", **options):
        self.rack = Rack(hosts, mbit, open=options.pop("open", False))
        self.sink, self.options = sink, options
        self.size, self.source = size, source
        self.processes, self.server = {}, None

    def __enter__(self):
        self.rack.__enter__()
        try:
            self.names = self.rack.names[1:]
            if self.source is None:
                self.source, _ = self.rack.source(self.size)
            self.want = self.sum_of(self.source) if self.sink != "null" else None
            self.mark = self.rack.path("began")
            self.begin()
            wait_until(lambda: os.path.exists(self.mark), 60, "the source begins")
            self.began = os.stat(self.mark).st_mtime
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *words):
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.rack.__exit__(*words)

    def shell(self, name, command):
        return self.rack.start(name, "sh", "-c", command, stderr=open(self.rack.path(name + ".err"), "w"))

    def sink_of(self, name):
        return "cat > /dev/null" if self.sink == "null" else f"cksum > {self.rack.path(name)}"

    def sum_of(self, path):
        with open(path, "rb") as file:
            return subprocess.run("cksum", stdin=file, capture_output=True, check=True).stdout

    def is_right(self, name):
        if self.sink == "null":
            return True
        with contextlib.suppress(FileNotFoundError), open(self.rack.path(name), "rb") as file:
            return file.read() == self.want
        return False

    def after(self, seconds):
        time.sleep(max(0.0, self.began + seconds - time.time()))

    @staticmethod
    def end_of(process):
        """Seconds of processor time and MiB of memory, of the process and of all that it started."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def finish(self, names=None, limit=300):
        """Waits for these nodes, all by default; those that have not ended after the limit are not right."""
        names = names or self.names
        cpu, memory, right, ended = 0.0, 0.0, 0, set()
        with contextlib.suppress(TimeoutError), time_limit(limit):
            for name in names:
                used, size = self.end_of(self.processes[name])
                cpu, memory = cpu + used, max(memory, size)
                if self.processes[name].returncode == 0:
                    ended.add(name)
        seconds = time.time() - self.began
        if ended == set(self.names):
            cpu += self.end_of(self.server)[0]
        right = sum(1 for name in ended if self.is_right(name))
        return Result(seconds, right, len(names), cpu, memory)


class Ka(Transfer):
    """options: server (words for ka-server send), sinks (of some nodes), absent (nodes that come later)."""

    def words(self):
        return ("-e", f"touch {self.mark}; exec cat {self.source}")

    def begin(self):
        words = ("-n", str(len(self.names)), *self.words(), *self.options.get("server", ()))
        self.server = self.rack.server(*words, stderr=open(self.rack.path("s.err"), "w"))
        for name in self.names:
            if name not in self.options.get("absent", ()):
                self.join(name)

    def join(self, name):
        sink = self.options.get("sinks", {}).get(name) or self.sink_of(name)
        words = ("-s", rack.SESSION, *self.rack.trusts(), "-t", "20", "-e", sink)
        self.processes[name] = self.rack.start(name, rack.program("ka-client"), *words,
                                               stderr=open(self.rack.path(name + ".err"), "w"))


class Netcat(Transfer):
    """netcat from node to node, tee in between."""

    def begin(self):
        for number, name in reversed(list(enumerate(self.names, 1))):
            pipe = self.rack.path(name + ".pipe")
            if number == len(self.names):
                command = f"nc -l {PORT} | {self.sink_of(name)}"
            else:
                command = f"mkfifo {pipe}; {self.sink_of(name)} < {pipe} & " \
                          f"nc -l {PORT} | tee {pipe} | nc -N 10.99.0.{number + 3} {PORT}; wait"
            self.processes[name] = self.shell(name, command)
            wait_until(lambda: self.listens(name), 20, f"netcat listens on {name}")
        self.server = self.shell("s", f"touch {self.mark}; exec nc -N 10.99.0.3 {PORT} < {self.source}")

    def listens(self, name):
        words = ("ip", "netns", "exec", self.rack.space(name), "ss", "-Hltn", f"sport = :{PORT}")
        return subprocess.run(words, capture_output=True, text=True).stdout != ""


class Udpcast(Transfer):
    """Multicast; its clock starts when the sender does, since it alone knows when it begins to read."""

    def begin(self):
        for name in self.names:
            self.processes[name] = self.shell(name, f"udp-receiver --interface eth0 --nokbd | {self.sink_of(name)}")
        options = f"--min-receivers {len(self.names)} --max-bitrate {self.rack.mbit}m --full-duplex"
        command = f"touch {self.mark}; exec udp-sender --interface eth0 --nokbd {options} --file {self.source}"
        self.server = self.rack.start("s", "sh", "-c", command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=open(self.rack.path("s.err"), "w"))


@contextlib.contextmanager
def time_limit(seconds):
    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def iperf3(mib):
    """Gbit/s that arrive of a plain TCP stream between the same two namespaces."""
    program = shutil.which("iperf3", path=f"{os.environ['PATH']}:{UNPACKED}")
    with Rack(1) as net:
        net.start("n1", program, "--server", "--one-off")
        net.wait_for_listener("n1", 5201)
        asks = net.start("s", program, "--json", "--client", "10.99.0.3", "--bytes", f"{mib}M", stdout=subprocess.PIPE)
        return json.loads(asks.communicate()[0])["end"]["sum_received"]["bits_per_second"] / 1e9


def busy():
    """Seconds of processor time that this whole machine has spent on anything: what the kernel does for a network is
    charged to no process for sure."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def ssh(path):
    """Gbit/s, and seconds of the machine's processor time, of a file through ssh to a program that throws it away,
    between the same two namespaces: what one would write by hand for a stream that nobody may read or change. By the
    clock of whoever waits for its end."""
    with Rack(1) as net:
        key, config = net.path("ssh"), net.path("sshd")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        os.makedirs("/run/sshd", exist_ok=True)
        Path(config).write_text(f"Port {PORT}\nHostKey {key}\nAuthorizedKeysFile {key}.pub\nStrictModes no\n"
                                "UsePAM no\nPidFile none\n")
        # Unpacked and not installed, it lacks the user that it gives up root for.
        users = net.path("passwd")
        Path(users).write_text(Path("/etc/passwd").read_text() + "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
        start = f"mount --bind {users} /etc/passwd; exec {UNPACKED}/../sbin/sshd -D -f {config}"
        net.start("n1", "unshare", "-m", "sh", "-c", start, stderr=subprocess.DEVNULL)
        net.wait_for_listener("n1", int(PORT))
        words = ("ssh", "-q", "-i", key, "-p", PORT, "-o", "StrictHostKeyChecking=no", "-o",
                 "UserKnownHostsFile=/dev/null", "root@10.99.0.3", "cat > /dev/null")
        began, used = time.time(), busy()
        with open(path, "rb") as file:
            assert net.start("s", *words, stdin=file).wait() == 0
        return os.path.getsize(path) * 8 / (time.time() - began) / 1e9, busy() - used


def median(results):
    return statistics.median(result.seconds for result in results)
