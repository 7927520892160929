#!/usr/bin/env python3
"""Faults of a chain with the real programs over real TCP: chain_test.py NAME…, or all without a name."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

import rack
from rack import MIB, Rack, digest, finish, freeze, kill, thaw, wait_until

SIZE = 48  # MiB; at 200 Mbit/s two seconds


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Run:
    """A server, and a client on each of the hosts."""

    def __init__(self, hosts, mbit=200, size=SIZE, commands=None, server_options=(), absent=()):
        self.rack = Rack(hosts, mbit)
        self.names = self.rack.names[1:]
        self.size = size
        self.commands = commands or {}
        self.server_options = server_options
        self.absent = absent

    def __enter__(self):
        self.rack.__enter__()
        self.source, self.digest = self.rack.source(self.size)
        # A pipe, which cannot be read twice.
        self.server = self.rack.server("-n", str(len(self.names)), "-e", f"exec cat {self.source}", *self.server_options)
        self.clients = {}
        for name in self.names:
            if name not in self.absent:
                self.join(name)
        return self

    def __exit__(self, *words):
        self.rack.__exit__(*words)

    def join(self, name):
        self.clients[name] = self.rack.client(name, self.commands.get(name))

    def at(self, share, name=None):
        """Until that share of the stream has come to the node (the last one)."""
        self.rack.wait_for_size(name or self.names[-1], int(share * self.size * MIB))

    def expect_whole(self, names):
        """What they said, too."""
        all_said = []
        for name in names:
            status, said = finish(self.clients[name])
            check(status == 0, f"{name} ended with {status}: {said}")
            check(digest(self.rack.path(name)) == self.digest, f"{name} has wrong bytes")
            all_said.append(said)
        return all_said

    def expect_server(self, status, pattern=""):
        ended, said = finish(self.server)
        check(ended == status, f"the server ended with {ended}, not {status}: {said}")
        check(re.search(pattern, said), f"the server did not say {pattern}: {said}")
        return said


def others(run, *names):
    return [name for name in run.names if name not in names]


def no_fault():
    with Run(8) as run:
        run.expect_whole(run.names)
        run.expect_server(0, "8 of 8 nodes done")


def killed(*victims):
    with Run(6) as run:
        run.at(0.4, [n for n in run.names if n not in victims][0])
        for victim in victims:
            kill(run.clients[victim])
        run.expect_whole(others(run, *victims))
        run.expect_server(1, f"{6 - len(victims)} of 6 nodes done")


def first_killed():
    killed("n1")


def last_killed():
    killed("n6")


def three_killed_two_of_them_neighbours():
    killed("n2", "n3", "n5")


def all_but_one_killed():
    killed("n1", "n2", "n3", "n4", "n5")


def killed_node_that_comes_back_is_served():
    with Run(5, server_options=("--linger", "60")) as run:
        run.at(0.4)
        kill(run.clients["n2"])
        run.join("n2")
        run.expect_whole(run.names)
        run.expect_server(0, r"round 2, 1 node\b(.|\n)*5 of 5 nodes done")


def frozen_node_is_served_later():
    with Run(6, server_options=("--linger", "60")) as run:
        run.at(0.4)
        freeze(run.clients["n3"])
        run.expect_whole(others(run, "n3"))
        thaw(run.clients["n3"])
        run.expect_whole(["n3"])
        said = run.expect_server(0, r"10\.99\.0\.5.*put out.*said nothing")
        check("6 of 6 nodes done" in said, f"not all are done: {said}")


def frozen_node_is_not_waited_for():
    with Run(6) as run:
        run.at(0.4)
        freeze(run.clients["n3"])
        run.expect_whole(others(run, "n3"))
        run.expect_server(1, r"10\.99\.0\.5.*put out: it said nothing(.|\n)*5 of 6 nodes done")


def all_sorts_of_faults_at_once():
    with Run(8, commands={"n7": "head -c 15000000 > /dev/null; echo no space left >&2; exit 4"}) as run:
        run.at(0.4)
        kill(run.clients["n1"])
        freeze(run.clients["n4"])
        run.rack.cut("n5")
        run.expect_whole(["n2", "n3", "n6", "n8"])
        said = run.expect_server(1, "4 of 8 nodes done")
        for address, reason in (("10.99.0.3", "connection lost"), ("10.99.0.6", "said nothing"),
                                ("10.99.0.7", "said nothing"), ("10.99.0.9", "no space left")):
            check(re.search(re.escape(address) + r"\b.*" + reason, said), f"{address} without its reason: {said}")


def cut_node():
    with Run(6) as run:
        run.at(0.4)
        run.rack.cut("n3")
        run.expect_whole(others(run, "n3"))
        run.expect_server(1, r"n3|10\.99\.0\.5")


def first_node_cut():
    with Run(6) as run:
        run.at(0.4)
        run.rack.cut("n1")
        run.expect_whole(others(run, "n1"))
        run.expect_server(1, "5 of 6 nodes done")


def slow_sink_is_moved_aside_and_served_later():
    # Slow at first only: in the next round its disk is as good as the others'.
    slow = ("if mkdir {0}.slow 2>/dev/null; then while head -c 262144 | cat >> {0}.first && sleep 0.2; do :; done; "
            "else cat > {0}; fi")
    with Run(6, size=160, commands={"n2": ""}, absent=("n2",)) as run:
        run.commands["n2"] = slow.format(run.rack.path("n2"))
        run.join("n2")
        run.expect_whole(run.names)
        said = run.expect_server(0, "n2|10.99.0.4.*put out.*sink is too slow")
        check("put out" in said and "sink is too slow" in said, f"nobody was put out: {said}")


def all_slow_alike_is_no_reason():
    commands = {}
    with Run(4, mbit=0, size=24, commands=commands, absent=("n1", "n2", "n3", "n4")) as run:
        for name in run.names:
            commands[name] = f"while head -c 131072 > {run.rack.path(name)}.part && [ -s {run.rack.path(name)}.part ]; " \
                             f"do cat {run.rack.path(name)}.part >> {run.rack.path(name)}; sleep 0.02; done"
            run.join(name)
        run.expect_whole(run.names)
        said = run.expect_server(0)
        check("put out" not in said, f"somebody was put out: {said}")


def failing_sink_fails_alone():
    with Run(5, commands={"n2": "head -c 3000000 > /dev/null; echo no space left >&2; exit 4"}) as run:
        run.expect_whole(others(run, "n2"))
        status, said = finish(run.clients["n2"])
        check(status == 1 and "no space left" in said, f"n2 ended with {status}: {said}")
        run.expect_server(1, "failed: .*no space left")


def failing_source_reaches_all():
    with Rack(4) as rack_:
        server = rack_.server("-n", "4", "-e", "head -c 5000000 /dev/urandom; echo tape broke >&2; exit 2")
        clients = [rack_.client(name) for name in rack_.names[1:]]
        for client in clients:
            status, said = finish(client)
            check(status == 1 and "tape broke" in said, f"a client ended with {status}: {said}")
        status, said = finish(server)
        check(status == 1 and "tape broke" in said, f"the server ended with {status}: {said}")


def latecomer_is_done_in_the_next_round():
    with Run(4, server_options=("-T", "1"), absent=("n4",)) as run:
        run.at(0.5, "n3")
        run.join("n4")
        run.expect_whole(run.names)
        run.expect_server(0, "4 of 4 nodes done")


def killed_server_is_looked_for_again():
    with Run(3, size=96) as run:
        run.at(0.2)
        kill(run.server)
        run.server.wait()
        run.server = run.rack.server("-n", "3", "-f", run.source)
        for said in run.expect_whole(run.names):
            check("server is lost" in said and "looking for it again" in said, f"a client did not say so: {said}")
        run.expect_server(0, "3 of 3 nodes done")


def interrupt_ends_the_round_in_order():
    with Run(3, size=96) as run:
        run.at(0.2)
        run.server.send_signal(signal.SIGINT)
        for name in run.names:
            status, said = finish(run.clients[name])
            check(status == 1 and "operator" in said, f"{name} ended with {status}: {said}")
        run.expect_server(1, "ended by the operator")


def vanished_server_is_noticed():
    """Its link is cut: no FIN and no RST tells the nodes."""
    with Run(2, size=96, absent=("n1", "n2")) as run:
        for name in run.names:
            run.clients[name] = run.rack.start(name, rack.program("ka-client"), "-s", rack.SESSION, "-t", "1", "-e",
                                               f"echo $$ > {run.rack.path(name)}.pid; exec cat > {run.rack.path(name)}")
        run.at(0.2)
        run.rack.cut("s")
        for name in run.names:
            status, said = finish(run.clients[name])
            check(status == 3 and "said nothing for 10 seconds" in said and "Can't reach a valid KA server" in said,
                  f"{name} ended with {status}: {said}")
            pid = int(open(run.rack.path(name) + ".pid").read())
            check(not os.path.exists(f"/proc/{pid}"), f"the sink of {name} still runs")


def source_is_not_read_when_the_window_is_full():
    with Rack(2) as rack_:
        source, whole = rack_.source(48)
        read, go = rack_.path("read"), rack_.path("go")
        server = rack_.server("-n", "2", "-w", "8", "-e", f"tee {read} < {source}")
        held = f"while [ ! -e {go} ]; do sleep 0.05; done; exec cat > "
        clients = {name: rack_.client(name, held + rack_.path(name)) for name in rack_.names[1:]}
        # A node holds a window for its sink, the server one for the nodes; pipes before and behind hold a MiB each.
        rack_.wait_for_size("read", 16 * MIB)
        time.sleep(1)
        check(rack_.size("read") <= 19 * MIB, f"{rack_.size('read')} bytes were read with windows of 8 MiB")
        open(go, "w").close()
        for name, client in clients.items():
            status, said = finish(client)
            check(status == 0 and digest(rack_.path(name)) == whole, f"{name} ended with {status}: {said}")
        check(finish(server)[0] == 0, "the server failed")


def go_starts_the_round():
    with Rack(2) as rack_:
        server = rack_.server("-n", "3", "-e", "echo hello")
        clients = [rack_.client("n1"), rack_.client("n2", None, "-g")]
        for client in clients[1:]:
            status, said = finish(client)
            check(status == 0, f"the one with -g ended with {status}: {said}")
        check(open(rack_.path("n2")).read() == "hello\n", "wrong bytes")
        status, said = finish(server)
        check(status == 1 and re.search(r"round 1, [12] node", said), f"the server ended with {status}: {said}")


def packed_stream_arrives_unpacked():
    with Run(3, mbit=50, size=8, server_options=("-z", "auto")) as run:
        run.expect_whole(run.names)
        run.expect_server(0, "Packed 8.0 MiB into")


def strangers_disturb_nobody():
    """Random bytes, huge lengths, mute callers and 10,000 connections while the stream goes on."""
    with Run(3, size=64) as run:
        run.at(0.1)
        stranger = run.rack.start("n1", sys.executable, os.path.abspath(__file__), "--stranger", "10.99.0.2",
                                  "10.99.0.4")
        run.expect_whole(run.names)
        run.expect_server(0, "3 of 3 nodes done")
        stranger.wait(timeout=60)
        check(stranger.returncode == 0, "the stranger itself failed: " + stranger.stderr.read())


def be_a_stranger(server, node):
    generator = random.Random(7)
    for port in (30765, 30764):
        for host in (server, node) if port == 30764 else (server,):
            for content in (generator.randbytes(5000), b"\xff\xff\xff\xff\x01", b"\x00\x00\x00\x00",
                            b"\x00\x00\x00\x05\x01KAM1", b"KAH1" + bytes(28), b"GET / HTTP/1.0\r\n\r\n"):
                with socket.create_connection((host, port), timeout=10) as caller:
                    try:
                        caller.sendall(content)
                    except OSError:
                        pass  # it hung up on us already
    mute = []
    for number in range(10000):
        try:
            mute.append(socket.create_connection((server, 30765), timeout=5))
        except OSError:
            break  # the listen queue is full, or the job is over
        if len(mute) > 800:
            mute.pop(0).close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for _ in range(1000):
            datagrams.sendto(generator.randbytes(generator.randrange(600)), (server, 30765))


def second_server_is_refused():
    with Rack(1) as rack_:
        first = rack_.server("-n", "1", "-e", "echo first")
        wait_until(lambda: "30765" in subprocess.run(["ip", "netns", "exec", rack_.space("s"), "ss", "-Hltn"],
                                                     capture_output=True, text=True).stdout, 20, "the first one listens")
        status, said = finish(rack_.server("-n", "1", "-e", "echo second"))
        check(status == 1 and "taken" in said, f"the second server ended with {status}: {said}")
        status, _ = finish(rack_.client("n1"))
        check(status == 0 and open(rack_.path("n1")).read() == "first\n", "the first one's client was disturbed")
        check(finish(first)[0] == 0, "the first server failed")


def no_server():
    with Rack(1) as rack_:
        client = rack_.start("n1", rack.program("ka-client"), "-s", "nothing", "-t", "1", "-e", "cat")
        status, said = finish(client)
        check(status == 3 and "Can't reach a valid KA server" in said, f"ended with {status}: {said}")


def many_nodes():
    """64 clients on one machine, links not shaped."""
    with Rack(1) as rack_:
        source, whole = rack_.source(16)
        server = rack_.server("-n", "64", "-f", source)
        clients = [rack_.start("n1", rack.program("ka-client"), "-s", rack.SESSION, "-e", f"cat > {rack_.path(str(i))}")
                   for i in range(64)]
        for number, client in enumerate(clients):
            status, said = finish(client)
            check(status == 0, f"client {number} ended with {status}: {said}")
            check(digest(rack_.path(str(number))) == whole, f"client {number} has wrong bytes")
        check(finish(server)[0] == 0, "the server failed")


TESTS = [no_fault, packed_stream_arrives_unpacked, first_killed, last_killed, three_killed_two_of_them_neighbours, all_but_one_killed,
         killed_node_that_comes_back_is_served, frozen_node_is_served_later, frozen_node_is_not_waited_for, cut_node, first_node_cut,
         all_sorts_of_faults_at_once, slow_sink_is_moved_aside_and_served_later,
         all_slow_alike_is_no_reason, failing_sink_fails_alone, failing_source_reaches_all,
         latecomer_is_done_in_the_next_round, killed_server_is_looked_for_again, vanished_server_is_noticed,
         interrupt_ends_the_round_in_order, source_is_not_read_when_the_window_is_full, go_starts_the_round,
         strangers_disturb_nobody, second_server_is_refused, no_server, many_nodes]


def main():
    if sys.argv[1:2] == ["--stranger"]:
        be_a_stranger(*sys.argv[2:])
        return
    if sys.argv[1:2] == ["--list"]:
        print(" ".join(test.__name__ for test in TESTS))
        return
    rack.need_root()
    wanted = sys.argv[1:]
    failed = 0
    for test in TESTS:
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


if __name__ == "__main__":
    main()
