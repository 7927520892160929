#!/usr/bin/env python3
"""Measures ka side by side with netcat and udpcast in network namespaces and writes docs/performance.md.

Needs root, the Debian packages of group bench, the built ka-server and ka-client (KA_BIN) and ka_thousand (KA_SIM).
With names only those parts are measured again; the others' figures are kept in build/bench:
  bench.py [line cpu hop sealed faults others slow late packing many thousand]
"""

import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import transfers
from transfers import Ka, Netcat, Udpcast, rack

TOP = Path(__file__).resolve().parent.parent
KEPT = TOP / "build" / "bench"
MBIT = 200
SIZE = int(os.environ.get("KA_BENCH_MIB", "256"))
ROUNDS = int(os.environ.get("KA_BENCH_ROUNDS", "3"))


def row(what, value, must="", holds=None):
    return {"what": what, "value": value, "must": must, "holds": holds}


def source(mib):
    """A file of random bytes, made once."""
    path = os.path.join(tempfile.gettempdir(), f"ka-bench-{os.getpid()}-{mib}")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            for _ in range(mib):
                file.write(os.urandom(1 << 20))
    return path


def run(kind, hosts, mbit=MBIT, mib=SIZE, **options):
    with kind(hosts, mbit, source=source(mib), **options) as transfer:
        return transfer.finish()


def spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def line():
    """Runs of ka and of netcat take turns, and each ratio is that of neighbours."""
    plain, ratios, right, memory = [], {8: [], 16: []}, {8: [], 16: []}, 0.0
    for _ in range(ROUNDS):
        plain.append(run(Netcat, 1).seconds)
        for hosts, values in ratios.items():
            result = run(Ka, hosts)
            values.append(result.seconds / plain[-1])
            right[hosts].append(result)
            memory = max(memory, result.memory)
    rows = [row("one plain TCP stream (netcat) over one link", f"{statistics.median(plain):.2f} s")]
    for hosts, must in ((8, 1.02), (16, 1.03)):
        whole = all(result.right == hosts for result in right[hosts])
        measured = spread(ratios[hosts]) + (", all right" if whole else ", WRONG")
        rows.append(row(f"ka, {hosts} nodes, over that", measured, f"≤ {must}",
                        whole and statistics.median(ratios[hosts]) <= must))
    for what, kind in (("netcat and tee", Netcat), ("udpcast", Udpcast)):
        result = run(kind, 8)
        share = result.seconds / statistics.median(plain)
        rows.append(row(f"{what}, 8 nodes, over that", f"{share:.3f}, {result.said()}"))
    rows.append(row("memory of a relay, the largest of all these", f"{memory:.0f} MiB", "≤ 64 MiB", memory <= 64))
    return rows


def cpu():
    """Of all processes, the server's and the sinks' too."""
    hosts, gib = 8, SIZE / 1024 * 8
    other, own = [], []
    for _ in range(ROUNDS):
        other.append(run(Netcat, hosts, mbit=0, sink="null").cpu / gib)
        own.append(run(Ka, hosts, mbit=0, sink="null").cpu / gib)
    share = statistics.median(mine / theirs for mine, theirs in zip(own, other))
    return [row("CPU seconds per GiB and node, 8 nodes, links unshaped: netcat and tee", spread(other)),
            row("the same: ka", spread(own)),
            row("ka over netcat and tee, median of the rounds", f"{share:.2f}", "≤ 0.5", share <= 0.5)]


def hop():
    """A file in memory, to one node, whose program throws it away; what each says itself of its time. Two processors
    have five programs to run, and iperf3 two."""
    mib, other, own = 2048, [], []
    for _ in range(2 * ROUNDS + 1):
        other.append(transfers.iperf3(mib))
        with OneFile(1, 0, source=source(mib), sink="null") as transfer:
            transfer.finish()
            own.append(transfer.rate())
    Path(source(mib)).unlink()
    share = statistics.median(mine / theirs for mine, theirs in zip(own, other))
    return [row("one hop, links unshaped, Gbit/s: iperf3", spread(other)),
            row("the same: ka-server send -f to one ka-client", spread(own)),
            row("ka over iperf3, median of the rounds", f"{share:.2f}", "≥ 0.7", share >= 0.7)]


def sealed():
    """What proof costs, and what secrecy does: the same job at level pinned, open and with --encrypt, in turns."""
    hosts, gib = 8, SIZE / 1024 * 8
    kinds = {"sealed": {}, "encrypted": {"server": ("--encrypt",)}, "open": {"open": True}}
    times, cpus, rates = ({kind: [] for kind in kinds} for _ in range(3))
    per_core = {kind: [] for kind in [*kinds, "ssh"]}
    by_ssh = []
    for _ in range(ROUNDS):
        for kind, options in kinds.items():
            times[kind].append(run(Ka, hosts, **options).seconds)
            cpus[kind].append(run(Ka, hosts, mbit=0, sink="null", **options).cpu / gib)
            with OneFile(1, 0, source=source(1024), sink="null", **options) as transfer:
                used = transfers.busy()
                transfer.finish()
                per_core[kind].append(1 / (transfers.busy() - used))
                rates[kind].append(transfer.rate())
        rate, used = transfers.ssh(source(1024))
        by_ssh.append(rate)
        per_core["ssh"].append(1 / used)
    Path(source(1024)).unlink()

    def share(of, kind):
        return statistics.median(mine / plain for mine, plain in zip(of[kind], of["open"]))

    rows = [row(f"8 nodes, {MBIT} Mbit/s: time, sealed over open", f"{share(times, 'sealed'):.3f}", "≤ 1.01",
                share(times, "sealed") <= 1.01),
            row("the same, with --encrypt", f"{share(times, 'encrypted'):.3f}")]
    for kind in kinds:
        rows.append(row(f"CPU seconds per GiB and node, 8 nodes, links unshaped: {kind}", spread(cpus[kind])))
    rows += [row("sealed over open, median of the rounds", f"{share(cpus, 'sealed'):.2f}", "≤ 1.35",
                 share(cpus, "sealed") <= 1.35),
             row("with --encrypt over open, median of the rounds", f"{share(cpus, 'encrypted'):.2f}")]
    for kind in kinds:
        rows.append(row(f"one hop, links unshaped, Gbit/s: {kind}", spread(rates[kind])))
    rows.append(row("the same: cat through ssh", spread(by_ssh)))
    for kind in per_core:
        rows.append(row(f"one hop, GiB per second of processor time, both ends and the kernel: {kind}",
                        spread(per_core[kind])))
    return rows


class OneFile(Ka):
    def words(self):
        return ("-f", self.source, "--json", self.rack.path("result"))

    def begin(self):
        super().begin()
        Path(self.mark).touch()

    def rate(self):
        """Gbit/s, of the one session, between its first byte and its last."""
        [session] = json.loads(Path(self.rack.path("result")).read_text())["sessions"]
        return session["bytes"] * 8 / session["seconds"] / 1e9


def kill(transfer, name):
    os.killpg(transfer.processes[name].pid, signal.SIGKILL)


def freeze(transfer, name):
    os.killpg(transfer.processes[name].pid, signal.SIGSTOP)


def cut(transfer, name):
    transfer.rack.cut(name)


def struck(kind, strike, victims, hosts=8, limit=300):
    with kind(hosts, MBIT, source=source(SIZE)) as transfer:
        transfer.after(0.4 * SIZE * 8.388608 / MBIT)
        for victim in victims:
            strike(transfer, victim)
        return transfer.finish([name for name in transfer.names if name not in victims], limit)


FAULTS = (("first node killed at 40 %", kill, ("n1",), 0.3), ("middle node killed", kill, ("n4",), 0.3),
          ("last node killed", kill, ("n8",), 0.3), ("middle node frozen", freeze, ("n4",), 3),
          ("middle node's link cut", cut, ("n4",), 3), ("first node's link cut", cut, ("n1",), 3),
          ("three killed at once, two of them neighbours", kill, ("n2", "n3", "n6"), 1))


def faults():
    plain = transfers.median([run(Ka, 8) for _ in range(ROUNDS)])
    yield row("ka, 8 nodes, without a fault", f"{plain:.2f} s")
    for what, strike, victims, must in FAULTS:
        result = struck(Ka, strike, victims)
        added = result.seconds - plain
        yield row(f"ka, {what}: time added; survivors", f"{added:+.2f} s; {result.said()}", f"≤ {must} s; all",
                  added <= must and result.right == result.of)


def others():
    """The same faults for netcat and udpcast, as far as they are worth waiting for."""
    limit = 60
    for name, kind in (("netcat and tee", Netcat), ("udpcast", Udpcast)):
        undisturbed = run(kind, 8).seconds
        for what, strike in (("middle node killed", kill), ("middle node frozen", freeze)):
            result = struck(kind, strike, ("n4",), limit=limit)
            added = f"{result.seconds - undisturbed:+.1f} s" if result.seconds < limit else f"given up after {limit} s"
            yield row(f"{name}, {what}: time added; survivors", f"{added}; {result.said()}")


def slow():
    plain = run(Ka, 8).seconds
    # 192 KiB every 1/16 s.
    command = "rm -f {0}.all; while head -c 196608 > {0}.part && [ -s {0}.part ]; do " \
              "cat {0}.part >> {0}.all; sleep 0.06; done; cksum < {0}.all > {0}; rm -f {0}.all"
    with SlowSink(8, MBIT, source=source(SIZE), command=command) as transfer:
        others = transfer.finish([name for name in transfer.names if name != "n3"])
        late = transfer.finish(["n3"])
    over = others.seconds / plain
    return [row("one of 8 sinks at 3 MiB/s: the others' time over that of a run without it",
                f"{over:.2f}, {others.said()}", "≤ 1.15", over <= 1.15 and others.right == others.of),
            row("the slow node itself", "done later, right" if late.right else "NOT RIGHT", "done later",
                late.right == 1)]


class SlowSink(Ka):
    def sink_of(self, name):
        return super().sink_of(name) if name != "n3" else self.options["command"].format(self.rack.path(name))


def late():
    with Ka(4, MBIT, source=source(SIZE), server=("-T", "2"), absent=("n4",)) as transfer:
        transfer.after(0.5 * SIZE * 8.388608 / MBIT)
        transfer.join("n4")
        result = transfer.finish()
    return [row("a node that joins at 50 %", f"done in the next round, nothing typed, {result.said()}"
                if result.right == 4 else result.said(), "done", result.right == 4)]


def debian_tar():
    """The tar of a Debian root as installed, with a kernel and a boot loader; made once."""
    path = KEPT / "debian.tar"
    if not path.exists():
        part = KEPT / "debian.part.tar"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=important",
                        "--include=linux-image-amd64,grub-pc-bin,grub2-common,openssh-server,locales", "bookworm", part,
                        "http://deb.debian.org/debian"], check=True)
        part.rename(path)
    return path


def packing():
    path, seconds, right = debian_tar(), {}, True
    for level in ("off", "auto"):
        with Ka(4, 100, source=path, server=("-z", level)) as transfer:
            result = transfer.finish()
        seconds[level], right = result.seconds, right and result.right == 4
    share = seconds["auto"] / seconds["off"]
    return [row(f"a Debian root's tar, {path.stat().st_size >> 20} MiB, to 4 nodes at 100 Mbit/s: -z auto over -z off",
                f"{seconds['auto']:.1f} s / {seconds['off']:.1f} s = {share:.2f}, "
                + ("all right" if right else "WRONG"), "≤ 0.5", right and share <= 0.5)]


def many():
    result = run(Ka, 64, mbit=0, mib=64)
    return [row("64 nodes on one machine, 64 MiB, links unshaped", f"{result.seconds:.1f} s, {result.said()}",
                "all right", result.right == 64)]


def thousand():
    program = os.environ.get("KA_SIM", str(TOP / "build/host/bench/ka_thousand"))
    said = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
    figures = json.loads(said)
    rows = [row("simulated, 10 Gbit/s and 0.1 ms a hop, 100 GB: one node", f"{figures['one']:.2f} s")]
    for what, key, must in (("1,000 nodes, over that", "all", 1.01),
                            ("the same with 1 % of the nodes killed", "killed", 1.02)):
        share = figures[key] / figures["one"]
        rows.append(row(what, f"{share:.4f}, all right", f"≤ {must}", share <= must))
    return rows


PARTS = {part.__name__: part for part in (line, cpu, hop, sealed, faults, others, slow, late, packing, many, thousand)}


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1)) >> 20
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return f"{os.cpu_count()} × {model.group(1) if model else platform.machine()}, {memory} GiB, " \
           f"Linux {platform.release()}, TCP {congestion}"


def measure(name):
    result = {"when": time.strftime("%Y-%m-%d %H:%M"), "load": os.getloadavg()[0], "rows": []}
    for one in PARTS[name]():
        result["rows"].append(one)
        wrong = " NOT MET" if one["holds"] is False else ""
        print(f"{one['what']}: {one['value']}" + (f" (must: {one['must']})" if one["must"] else "") + wrong, flush=True)
    (KEPT / f"{name}.json").write_text(json.dumps(result))


def write():
    """Only what was measured stands there; a part that never was is left out."""
    kept = {name: KEPT / f"{name}.json" for name in PARTS}
    results = {name: json.loads(path.read_text()) for name, path in kept.items() if path.exists()}
    text = f"""# Performance

Written by `make bench` (bench/bench.py), not by hand. Every host is a network namespace of one machine, links are
shaped to {MBIT} Mbit/s and {SIZE} MiB of random bytes go to 8 nodes, unless said. Every node pipes the stream into
cksum, so that no disk is measured and every byte is looked at. Times are from the source's first byte to the last
node's end; where three figures stand, they are the median and the extremes of {ROUNDS} runs, which took turns with
those they are compared with.

Machine: {machine()}. All hosts of a run share its processors.

| what | measured | must | |
| --- | --- | --- | --- |
"""
    marks = {True: "met", False: "**not met**", None: ""}
    for result in results.values():
        for one in result["rows"]:
            text += f"| {one['what']} | {one['value']} | {one['must']} | {marks[one['holds']]} |\n"
    when = ", ".join(f"{name} {result['when']} ({result['load']:.1f})" for name, result in results.items())
    measured = f"Measured (and how much else the machine had to do then, as its load): {when}."
    text += "\n" + textwrap.fill(measured, 120, break_on_hyphens=False) + "\n"
    (TOP / "docs" / "performance.md").write_text(text)


def main():
    rack.need_root()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no network is left behind
    if os.path.isdir("/dev/shm"):
        tempfile.tempdir = "/dev/shm"
    KEPT.mkdir(parents=True, exist_ok=True)
    try:
        for name in sys.argv[1:] or PARTS:
            measure(name)
    finally:
        for path in Path(tempfile.gettempdir()).glob(f"ka-bench-{os.getpid()}-*"):
            path.unlink()
    write()


if __name__ == "__main__":
    main()
