"""A network of namespaces on this machine, and the real programs in it. Needs root; leaves nothing behind.

Every host is a namespace with one interface, eth0, on a bridge in a namespace of its own. KA_BIN names the folder with
ka-server and ka-client.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN = os.environ.get("KA_BIN", "build/musl-static/bin")
SESSION = "net"
SKIPPED = 77
MIB = 1 << 20


def program(name):
    """The path of ka-server or ka-client: in KA_BIN itself, or in the folder of its room under KA_BIN."""
    for folder in ("", "server", "agent"):
        path = os.path.join(BIN, folder, name)
        if os.path.exists(path):
            return os.path.abspath(path)
    sys.exit(f"{name} is not in {BIN}: build it, or set KA_BIN")


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Rack:
    """`hosts` nodes n1, n2, … and the server s; links shaped to `mbit`, 0: not shaped. The server has a key, which the
    nodes know, unless the rack is `open`."""

    def __init__(self, hosts, mbit=0, open=False):
        self.open, self.public = open, None
        self.prefix = f"chain{os.getpid()}"
        self.names = ["s"] + [f"n{i}" for i in range(1, hosts + 1)]
        self.mbit = mbit
        self.processes = []
        self.folder = tempfile.mkdtemp(prefix="ka-net-")

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for name in self.names + ["sw"]:
            subprocess.run(["ip", "netns", "del", self.space(name)], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def space(self, name):
        return f"{self.prefix}-{name}"

    def build(self):
        switch = self.space("sw")
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0",
            "mcast_snooping", "0")
        run("ip", "-n", switch, "link", "set", "br0", "up")
        for number, name in enumerate(self.names, 1):
            space = self.space(name)
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", f"p-{name}", "netns", switch)
            address = f"10.99.{number // 250}.{number % 250 + 1}/16"
            run("ip", "-n", space, "addr", "add", address, "brd", "+", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", switch, "link", "set", f"p-{name}", "master", "br0", "up")
            if self.mbit:
                self.shape(name, self.mbit)

    def shape(self, name, mbit):
        """Both directions of a host's link: what it sends, and what the switch sends it."""
        for space, device in ((self.space(name), "eth0"), (self.space("sw"), f"p-{name}")):
            run("tc", "-n", space, "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{mbit}mbit", "burst",
                "128kb", "latency", "50ms")

    def cut(self, name):
        """No FIN, no RST: packets just stop."""
        run("ip", "-n", self.space("sw"), "link", "set", f"p-{name}", "down")

    def sent(self, name):
        """Bytes that the host has sent so far."""
        shown = subprocess.run(["ip", "-n", self.space(name), "-s", "-j", "link", "show", "eth0"], check=True,
                               capture_output=True, text=True).stdout
        return json.loads(shown)[0]["stats64"]["tx"]["bytes"]

    def start(self, name, *words, **options):
        options.setdefault("stderr", subprocess.PIPE)
        # What a killed program leaves running must not hold this test's output open: CTest waits for its end.
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(["ip", "netns", "exec", self.space(name), *words], start_new_session=True, text=True,
                                   **options)
        self.processes.append(process)
        return process

    def serves(self):
        """The words that ka-server is told its key by."""
        return ("--open",) if self.open else ("--key", self.key_file())

    def trusts(self):
        """The words that ka-client is told by whom to believe."""
        self.key_file()
        return ("--open",) if self.open else ("--key", self.public)

    def key_file(self):
        path = self.path("ka.key")
        if self.public is None and not self.open:
            self.public = make_key(path)
        return path

    def server(self, *words, **options):
        return self.start("s", program("ka-server"), "send", "-s", SESSION, *self.serves(), *words, **options)

    def client(self, name, command=None, *words):
        command = command or f"cat > {self.path(name)}"
        return self.start(name, program("ka-client"), "-s", SESSION, *self.trusts(), "-t", "20", "-e", command,
                          *words)

    def path(self, name):
        return os.path.join(self.folder, name)

    def source(self, mib, seed=1):
        """A file of pseudo-random bytes; its digest."""
        path = self.path("source")
        generator = random.Random(seed)
        with open(path, "wb") as file:
            for _ in range(mib):
                file.write(generator.randbytes(MIB))
        return path, digest(path)

    def size(self, name):
        try:
            return os.path.getsize(self.path(name))
        except FileNotFoundError:
            return 0

    def wait_for_listener(self, name, port, limit=60):
        """Until a program on that host listens on the TCP port."""
        def listens():
            table = subprocess.run(["ip", "netns", "exec", self.space(name), "ss", "-Hltn", f"sport = :{port}"],
                                   capture_output=True, text=True).stdout
            return table != ""

        wait_until(listens, limit, f"{name} listens on port {port}")

    def wait_for_greeting(self, name, address, limit=60):
        """Until the server at that address takes nodes in, seen from that host."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "protocol.py")
        greeted = self.start(name, sys.executable, script, address)
        status, said = finish(greeted, limit + 30)
        check(status == 0, said)

    def wait_until_still(self, name, limit=60):
        """Until that file has not grown for a second."""
        seen, since, end = self.size(name), time.monotonic(), time.monotonic() + limit
        while time.monotonic() - since < 1:
            check(time.monotonic() < end, f"{name} grows for ever")
            time.sleep(0.01)
            if self.size(name) != seen:
                seen, since = self.size(name), time.monotonic()

    def wait_for_size(self, name, size, limit=60):
        """Until the node's sink has written so many bytes."""
        wait_until(lambda: self.size(name) >= size, limit, f"{name} has {size} bytes")


def make_key(path):
    """A key in that file; its public half."""
    return subprocess.run([program("ka-server"), "key", path, "--public"], check=True, capture_output=True,
                          text=True).stdout.strip()


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(file.read()).hexdigest()


def wait_until(condition, limit, what):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"after {limit} s still not: {what}")
        time.sleep(0.01)


def finish(process, limit=120):
    """Its exit status and what it said."""
    said = process.communicate(timeout=limit)[1]
    return process.returncode, said


# `ip netns exec` replaces itself by the program, so the pid is the program's.
def freeze(process):
    os.kill(process.pid, signal.SIGSTOP)


def thaw(process):
    os.kill(process.pid, signal.SIGCONT)


def kill(process):
    os.kill(process.pid, signal.SIGKILL)


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


def keeper_of(pid):
    found = [child for child in children(pid) if status_of(child)["Name"] == "ka-keeper"]
    check(len(found) == 1, f"{pid} has the keepers {found}")
    return found[0]


def need_root():
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(SKIPPED)


def run_tests(tests):
    """Those that the command line names, or all; then the program's end."""
    if sys.argv[1:2] == ["--list"]:
        print(" ".join(test.__name__ for test in tests))
        return
    need_root()
    wanted, failed = sys.argv[1:], 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        started = time.monotonic()
        try:
            test()
            print(f"{test.__name__}: ok, {time.monotonic() - started:.1f} s", flush=True)
        except Exception as error:  # the next test is worth running all the same
            failed += 1
            print(f"{test.__name__}: FAILED: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)
