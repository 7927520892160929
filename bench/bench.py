#!/usr/bin/env python3
"""Measures ka side by side with netcat and udpcast in network namespaces and writes docs/performance.md.

Needs root, netcat, udpcast and the built ka-server and ka-client (KA_BIN, default build/musl-static). With names, only
those rows are measured and nothing is written: bench.py line cpu faults slow late memory packing many
"""

import os
import platform
import re
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "net"))
import rack  # noqa: E402
from rack import MIB, Rack, digest, finish, freeze, kill, wait_until  # noqa: E402

MBIT = 200
SIZE = int(os.environ.get("KA_BENCH_MIB", "256"))
PORT = "5000"


class Row:
    def __init__(self, what, value, must):
        self.what, self.value, self.must = what, value, must


def reap(process):
    """Its exit status and the CPU seconds and peak memory of it and all that it waited for."""
    said = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class KaRun:
    """One transfer by ka. The clock starts with the source's first byte and stops when the last node ended."""

    def __init__(self, hosts, mbit=MBIT, size=SIZE, sink="file", options=(), source=None, slow=None, absent=()):
        self.rack, self.size, self.sink, self.options = Rack(hosts, mbit), size, sink, options
        self.source, self.slow, self.absent = source, slow or {}, absent

    def __enter__(self):
        self.rack.__enter__()
        self.names = self.rack.names[1:]
        self.digest = None
        command = self.source
        if command is None:
            path, self.digest = self.rack.source(self.size)
            command = f"exec cat {path}"
        self.mark = self.rack.path("began")
        self.server = self.rack.server("-n", str(len(self.names)), "-e", f"touch {self.mark}; {command}", *self.options)
        self.clients = {name: self.client(name) for name in self.names if name not in self.absent}
        wait_until(lambda: os.path.exists(self.mark), 60, "the source begins")
        self.began = time.monotonic()
        return self

    def client(self, name):
        path = "/dev/null" if self.sink == "null" else self.rack.path(name)
        if name in self.slow:
            return self.rack.client(name, f"rm -f {path}*; " + self.slow[name].format(path))
        return self.rack.start(name, rack.program("ka-client"), "-s", rack.SESSION, "-t", "20", "-o", path)

    def __exit__(self, *words):
        self.rack.__exit__(*words)

    def finish(self, names=None):
        """Seconds until the last of them ended; whether all of them have the right bytes; CPU seconds; peak MiB."""
        right, cpu, memory = True, 0.0, 0.0
        for name in names or self.names:
            status, said, seconds, mib = reap(self.clients[name])
            cpu, memory = cpu + seconds, max(memory, mib)
            right = right and status == 0
            if status != 0:
                print(f"{name}: {status}: {said}", file=sys.stderr)
        elapsed = time.monotonic() - self.began
        if self.digest and self.sink == "file":
            right = right and all(digest(self.rack.path(name)) == self.digest for name in names or self.names)
        return elapsed, right, cpu, memory


def netcat_line():
    """Seconds of one plain TCP stream over one link."""
    with Rack(1, MBIT) as net:
        source, whole = net.source(SIZE)
        receiver = net.start("n1", "sh", "-c", f"exec nc -l {PORT} > {net.path('n1')}")
        time.sleep(0.5)
        began = time.monotonic()
        net.start("s", "sh", "-c", f"exec nc -N 10.99.0.3 {PORT} < {source}")
        receiver.wait(timeout=300)
        elapsed = time.monotonic() - began
        assert digest(net.path("n1")) == whole, "netcat lost bytes"
        return elapsed


def netcat_chain(hosts, mbit, sink):
    """Seconds, CPU seconds of the nodes, and whether all are right: netcat and tee from node to node."""
    with Rack(hosts, mbit) as net:
        source, whole = net.source(SIZE)
        names = net.names[1:]
        clients = []
        for number, name in reversed(list(enumerate(names, 1))):
            out = "/dev/null" if sink == "null" else net.path(name)
            following = f"| nc -N 10.99.0.{number + 3} {PORT}" if number < len(names) else "> /dev/null"
            clients.append(net.start(name, "sh", "-c", f"nc -l {PORT} | tee {out} {following}"))
            time.sleep(0.1)
        time.sleep(0.5)
        began = time.monotonic()
        net.start("s", "sh", "-c", f"exec nc -N 10.99.0.3 {PORT} < {source}")
        cpu = sum(reap(client)[2] for client in clients)
        elapsed = time.monotonic() - began
        right = sink == "null" or all(digest(net.path(name)) == whole for name in names)
        return elapsed, cpu, right


def udpcast(hosts):
    with Rack(hosts, MBIT) as net:
        source, whole = net.source(SIZE)
        names = net.names[1:]
        clients = [net.start(name, "udp-receiver", "--interface", "eth0", "--nokbd", "--file", net.path(name))
                   for name in names]
        time.sleep(1)
        began = time.monotonic()
        sender = net.start("s", "udp-sender", "--interface", "eth0", "--nokbd", "--min-receivers", str(hosts),
                           "--max-bitrate", f"{MBIT}m", "--full-duplex", "--file", source, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL)
        cpu = sum(reap(client)[2] for client in clients)
        sender.wait(timeout=60)
        elapsed = time.monotonic() - began
        return elapsed, cpu, all(digest(net.path(name)) == whole for name in names)


def line():
    plain = netcat_line()
    rows = [Row("one plain TCP stream (netcat) over one link", f"{plain:.2f} s", "")]
    for hosts, must in ((8, 1.02), (16, 1.03)):
        with KaRun(hosts) as run:
            elapsed, right, _, _ = run.finish()
        rows.append(Row(f"ka, {hosts} nodes, over that", f"{elapsed / plain:.3f}, " + said(right), f"≤ {must}"))
    elapsed, _, right = netcat_chain(8, MBIT, "file")
    rows.append(Row("netcat and tee, 8 nodes, over that", f"{elapsed / plain:.3f}, " + said(right), ""))
    try:
        elapsed, _, right = udpcast(8)
        rows.append(Row("udpcast, 8 nodes, over that", f"{elapsed / plain:.3f}, " + said(right), ""))
    except (OSError, AssertionError, subprocess.SubprocessError) as error:
        rows.append(Row("udpcast, 8 nodes", f"did not run: {error}", ""))
    return rows


def cpu():
    gib = SIZE / 1024 * 4
    _, other, _ = netcat_chain(4, 0, "null")
    with KaRun(4, mbit=0, sink="null") as run:
        _, right, own, _ = run.finish()
    return [Row("CPU s per GiB and node, links unshaped: netcat and tee", f"{other / gib:.2f}", ""),
            Row("the same: ka", f"{own / gib:.2f}", ""),
            Row("ka over netcat and tee", f"{own / other:.2f}, " + said(right), "≤ 0.55")]


def with_fault(strike, victims, hosts=8):
    with KaRun(hosts) as run:
        survivors = [name for name in run.names if name not in victims]
        run.rack.wait_for_size(survivors[-1], int(0.4 * SIZE * MIB), 300)
        for victim in victims:
            strike(run, victim)
        elapsed, right, _, _ = run.finish(survivors)
        return elapsed, right


def faults():
    with KaRun(8) as run:
        plain = run.finish()[0]
    kill_it = lambda run, name: kill(run.clients[name])  # noqa: E731
    freeze_it = lambda run, name: freeze(run.clients[name])  # noqa: E731
    cut_it = lambda run, name: run.rack.cut(name)  # noqa: E731
    rows = [Row("8 nodes without a fault", f"{plain:.2f} s", "")]
    for what, strike, victims, must in (
            ("first node killed at 40 %", kill_it, ("n1",), 0.3), ("middle node killed", kill_it, ("n4",), 0.3),
            ("last node killed", kill_it, ("n8",), 0.3), ("middle node frozen", freeze_it, ("n4",), 3),
            ("middle node's link cut", cut_it, ("n4",), 3),
            ("three killed at once, two of them neighbours", kill_it, ("n2", "n3", "n6"), 1)):
        elapsed, right = with_fault(strike, victims)
        rows.append(Row(what + ": time added", f"{elapsed - plain:+.2f} s, survivors " + said(right), f"≤ {must} s"))
    return rows


def slow():
    with KaRun(8) as run:
        plain = run.finish()[0]
    # 192 KiB every 1/16 s.
    command = "while head -c 196608 > {0}.part && [ -s {0}.part ]; do cat {0}.part >> {0}.now; sleep 0.06; done; mv {0}.now {0}"
    with KaRun(8, slow={"n3": command}) as run:
        others = [name for name in run.names if name != "n3"]
        elapsed, right, _, _ = run.finish(others)
        _, late, _, _ = run.finish(["n3"])
    return [Row("one sink at 3 MiB/s: the others' time over the ideal", f"{elapsed / plain:.2f}, " + said(right), "≤ 1.15"),
            Row("the slow node itself", "done later, " + said(late), "done later")]


def late():
    with KaRun(4, options=("-T", "2"), absent=("n4",)) as run:
        run.rack.wait_for_size("n3", int(0.5 * SIZE * MIB), 300)
        run.clients["n4"] = run.client("n4")
        _, right, _, _ = run.finish()
    return [Row("a node that joins at 50 %", "done in the next round, nothing typed, " + said(right), "done")]


def memory():
    with KaRun(8) as run:
        _, right, _, mib = run.finish()
    return [Row("memory of a relay, the largest of 8", f"{mib:.0f} MiB, " + said(right), "≤ 64 MiB")]


def packing():
    tree = os.environ.get("KA_BENCH_TREE", "/usr")
    tar = f"tar -C {tree} --one-file-system -cf - . 2>/dev/null | head -c {SIZE * MIB}"
    times = {}
    for level in ("off", "auto"):
        with KaRun(4, mbit=100, sink="null", options=("-z", level), source=tar) as run:
            times[level], right, _, _ = run.finish()
    return [Row(f"tar of {tree}, {SIZE} MiB, to 4 nodes at 100 Mbit/s: -z auto over -z off",
                f"{times['auto']:.1f} s / {times['off']:.1f} s = {times['auto'] / times['off']:.2f}, " + said(right), "≤ 0.5")]


def many():
    with KaRun(64, mbit=0, size=64) as run:
        elapsed, right, _, _ = run.finish()
    return [Row("64 nodes on one machine, 64 MiB, links unshaped", f"{elapsed:.1f} s, " + said(right), "all right")]


def said(right):
    return "all right" if right else "WRONG"


PARTS = {part.__name__: part for part in (line, cpu, faults, slow, late, memory, packing, many)}


def machine():
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    return f"{os.cpu_count()} × {model.group(1) if model else platform.machine()}, Linux {platform.release()}"


def write(rows):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "performance.md")
    with open(path, "w") as file:
        file.write("# Performance\n\nWritten by `make bench` (bench/bench.py), not by hand: every host is a network namespace of one "
                   f"machine,\nlinks are shaped to {MBIT} Mbit/s unless said, {SIZE} MiB of random bytes go to 8 nodes unless "
                   f"said, and the\nbytes of every node are compared.\n\nMachine: {machine()}, load {os.getloadavg()[0]:.1f} "
                   "when it was done.\n\n| what | measured | must |\n| --- | --- | --- |\n")
        for row in rows:
            file.write(f"| {row.what} | {row.value} | {row.must} |\n")


def main():
    rack.need_root()
    wanted = sys.argv[1:] or list(PARTS)
    rows = []
    for name in wanted:
        for row in PARTS[name]():
            rows.append(row)
            print(f"{row.what}: {row.value}" + (f" (must: {row.must})" if row.must else ""), flush=True)
    if not sys.argv[1:]:
        write(rows)


if __name__ == "__main__":
    main()
