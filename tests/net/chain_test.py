#!/usr/bin/env python3
"""Faults of a chain with the real programs over real TCP: chain_test.py NAME…, or all without a name."""

import contextlib
import json
import os
import re
import signal
import subprocess
import termios

import rack
from rack import MIB, Rack, check, digest, finish, freeze, kill, thaw

SIZE = 48  # MiB; at 200 Mbit/s two seconds


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
        self.server = self.rack.server("-n", str(len(self.names)), "-e", f"exec cat {self.source}",
                                       *self.server_options)
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
        run.expect_server(0, r"Sending net to 1 node, round 2\b(.|\n)*5 of 5 nodes done")


def frozen_node_is_served_later():
    with Run(6, server_options=("--linger", "60")) as run:
        run.at(0.4)
        freeze(run.clients["n3"])
        run.expect_whole(others(run, "n3"))
        thaw(run.clients["n3"])
        run.expect_whole(["n3"])
        said = run.expect_server(0, r"10\.99\.0\.5.*dropped.*said nothing")
        check("6 of 6 nodes done" in said, f"not all are done: {said}")


def frozen_node_is_not_waited_for():
    with Run(6) as run:
        run.at(0.4)
        freeze(run.clients["n3"])
        run.expect_whole(others(run, "n3"))
        run.expect_server(1, r"10\.99\.0\.5.*dropped.*it said nothing(.|\n)*5 of 6 nodes done")


def frozen_sink_is_not_waited_for():
    """A command that was stopped holds up nobody, and goes on when it may."""
    with Run(8, size=6, commands={"n3": ""}, absent=("n3",), mbit=0) as run:
        run.commands["n3"] = f"echo $$ > {run.rack.path('pid')}; kill -STOP $$; exec cat > {run.rack.path('n3')}"
        run.join("n3")
        run.expect_whole(others(run, "n3"))
        with open(run.rack.path("pid")) as file:
            os.kill(int(file.read()), signal.SIGCONT)
        run.expect_whole(["n3"])
        said = run.expect_server(0, "8 of 8 nodes done")
        check("dropped" not in said, f"somebody was dropped: {said}")


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
        said = run.expect_server(0, "n2|10.99.0.4.*dropped.*sink is too slow")
        check("dropped" in said and "sink is too slow" in said, f"nobody was dropped: {said}")


def all_slow_alike_is_no_reason():
    commands = {}
    with Run(4, mbit=0, size=24, commands=commands, absent=("n1", "n2", "n3", "n4")) as run:
        for name in run.names:
            path = run.rack.path(name)
            commands[name] = f"while head -c 131072 > {path}.part && [ -s {path}.part ]; " \
                             f"do cat {path}.part >> {path}; sleep 0.02; done"
            run.join(name)
        run.expect_whole(run.names)
        said = run.expect_server(0)
        check("dropped" not in said, f"somebody was dropped: {said}")


def failing_sink_fails_alone():
    with Run(5, commands={"n2": "head -c 3000000 > /dev/null; echo no space left >&2; exit 4"}) as run:
        run.expect_whole(others(run, "n2"))
        status, said = finish(run.clients["n2"])
        check(status == 1 and "no space left" in said, f"n2 ended with {status}: {said}")
        run.expect_server(1, "failed: .*no space left")


def hanging_sinks_are_given_up():
    """One takes no more in mid-stream, one does not end after the last byte."""
    commands = {"n1": "head -c 1000000 > /dev/null; sleep 1000", "n3": "cat > /dev/null; sleep 1000"}
    with Run(4, size=8, commands=commands, server_options=("--sink-limit", "3")) as run:
        run.expect_whole(others(run, "n1", "n3"))
        for name, why in (("n1", "its sink took nothing for 3 s"), ("n3", "its sink has not ended within 3 s")):
            status, said = finish(run.clients[name])
            check(status == 1 and why in said, f"{name} ended with {status}: {said}")
        run.expect_server(1, "2 of 4 nodes done")


def stopped_client_kills_its_command():
    """The command of a client that ends by a signal never sees the end of its input."""
    with Run(2, commands={"n1": ""}, absent=("n1",)) as run:
        run.commands["n1"] = "cat > {0}; echo end > {0}.end".format(run.rack.path("n1"))
        run.join("n1")
        run.at(0.3, "n1")
        run.clients["n1"].send_signal(signal.SIGTERM)
        status, said = finish(run.clients["n1"])
        check(status == 128 + signal.SIGTERM and "stopped by a signal" in said, f"n1 ended with {status}: {said}")
        run.expect_whole(["n2"])
        run.expect_server(1, "1 of 2 nodes done")
        check(run.rack.size("n1.end") == 0, "the command took it for the end")


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
        run.expect_server(130, "ended by the operator")


def vanished_server_is_noticed():
    """Its link is cut: no FIN and no RST tells the nodes."""
    with Run(2, size=96, absent=("n1", "n2")) as run:
        for name in run.names:
            run.clients[name] = run.rack.start(name, rack.program("ka-client"), "-s", rack.SESSION,
                                                *run.rack.trusts(), "-t", "1", "-e",
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
        rack_.wait_until_still("read")
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
        check(status == 1 and re.search(r"Sending net to [12] node", said), f"the server ended with {status}: {said}")


def packed_stream_arrives_unpacked():
    with Run(3, mbit=50, size=8, server_options=("-z", "3")) as run:
        run.expect_whole(run.names)
        run.expect_server(0, "Packed 8.0 MiB into")


def auto_packs_for_a_slow_line():
    """Half of it is plain when packing begins, all of it arrives, and the line has carried less than all."""
    with Rack(3, mbit=100) as rack_:
        numbers = "seq 1 12000000"  # 92 MiB, 7.7 s plain
        server = rack_.server("-n", "3", "-z", "auto", "-e", numbers)
        clients = [rack_.client(name) for name in rack_.names[1:]]
        for name, client in zip(rack_.names[1:], clients):
            status, said = finish(client)
            check(status == 0 and "received 92.4 MiB" in said, f"{name} ended with {status}: {said}")
        status, said = finish(server)
        check(status == 0 and "Packed" in said, f"the server ended with {status}: {said}")
        carried = rack_.sent("s")
        check(carried < 80 * MIB, f"the line carried {carried} bytes")
        digested = subprocess.run(f"{numbers} | sha256sum", shell=True, capture_output=True, text=True).stdout
        for name in rack_.names[1:]:
            check(digest(rack_.path(name)) == digested.split()[0], f"{name} has wrong bytes")


def a_terminal_shows_who_holds_it_up():
    """The table is drawn in place, and names the sink that all wait for."""
    with Rack(1) as rack_:
        source, _ = rack_.source(64)
        terminal, other_end = os.openpty()
        termios.tcsetwinsize(other_end, (24, 120))
        server = rack_.server("-f", source, "--json", rack_.path("report"), stderr=other_end)
        os.close(other_end)
        client = rack_.client("n1", "while [ $(head -c 262144 | wc -c) -gt 0 ]; do sleep 0.02; done")
        said = b""
        with contextlib.suppress(OSError):  # how a terminal tells that nobody has its other end any more
            while piece := os.read(terminal, 65536):
                said += piece
        check(server.wait(timeout=60) == 0 and finish(client)[0] == 0, f"it failed: {said}")
        check(b"\x1b[4A\r" in said, f"no table of four lines was drawn anew: {said}")
        check(b"waiting for the sink of 10.99.0.3" in said, f"nobody was named: {said}")
        check(re.search(rb"10\.99\.0\.3 .*running .*\d%.* MiB/s .* left", said), f"no row of the node: {said}")
        with open(rack_.path("report")) as file:
            report = json.load(file)
        check(report["result"] == "done" and report["sessions"][0]["bytes"] == 64 * MIB, f"wrong report: {report}")


def second_server_is_refused():
    with Rack(1) as rack_:
        first = rack_.server("-n", "1", "-e", "echo first")
        rack_.wait_for_listener("s", 30765)
        status, said = finish(rack_.server("-n", "1", "-e", "echo second"))
        check(status == 1 and "taken" in said, f"the second server ended with {status}: {said}")
        status, _ = finish(rack_.client("n1"))
        check(status == 0 and open(rack_.path("n1")).read() == "first\n", "the first one's client was disturbed")
        check(finish(first)[0] == 0, "the first server failed")


def second_server_elsewhere_is_found():
    """On another machine of the network: it ends by itself. Where both are there all the same, no node
    chooses that knows no key."""
    with Rack(2, open=True) as rack_:
        words = (rack.program("ka-server"), "send", "-s", rack.SESSION, *rack_.serves(), "-n", "1", "-e", "echo right")
        first = rack_.start("s", *words)
        rack_.wait_for_greeting("s", "10.99.0.2")  # of two that start together, both end
        status, said = finish(rack_.start("n1", *words))
        check(status == 1 and "10.99.0.2 does already" in said, f"the second server ended with {status}: {said}")
        # One that was not heard when it asked.
        line = ("dev", "eth0", "root")
        rack.run("tc", "-n", rack_.space("n1"), "qdisc", "add", *line, "tbf", "rate", "1kbit", "burst", "10", "limit",
                 "10")
        second = rack_.start("n1", *words)
        rack_.wait_for_greeting("n1", "10.99.0.3")
        rack.run("tc", "-n", rack_.space("n1"), "qdisc", "del", *line)
        check(second.poll() is None, "the second one has ended")
        status, said = finish(rack_.client("n2"))
        check(status == 1 and all(word in said for word in ("10.99.0.2", "10.99.0.3", "-H")),
              f"n2 ended with {status}: {said}")
        for server, address in ((first, "10.99.0.2"), (second, "10.99.0.3")):
            status, said = finish(rack_.client("n2", None, "-H", address))
            with open(rack_.path("n2")) as file:
                got = file.read()
            check(status == 0 and got == "right\n", f"n2 ended with {status} and {got!r}: {said}")
            check(finish(server)[0] == 0, "a server failed")


def no_server():
    with Rack(1) as rack_:
        client = rack_.start("n1", rack.program("ka-client"), "-s", "nothing", "--open", "-t", "1", "-e", "cat")
        status, said = finish(client)
        check(status == 3 and "Can't reach a valid KA server" in said, f"ended with {status}: {said}")


def many_nodes():
    """64 clients on one machine, links not shaped."""
    with Rack(1) as rack_:
        source, whole = rack_.source(16)
        server = rack_.server("-n", "64", "-f", source)
        clients = [rack_.start("n1", rack.program("ka-client"), "-s", rack.SESSION, *rack_.trusts(), "-e",
                               f"cat > {rack_.path(str(i))}")
                   for i in range(64)]
        for number, client in enumerate(clients):
            status, said = finish(client)
            check(status == 0, f"client {number} ended with {status}: {said}")
            check(digest(rack_.path(str(number))) == whole, f"client {number} has wrong bytes")
        check(finish(server)[0] == 0, "the server failed")


TESTS = [no_fault, packed_stream_arrives_unpacked, auto_packs_for_a_slow_line, first_killed, last_killed,
         three_killed_two_of_them_neighbours, all_but_one_killed, killed_node_that_comes_back_is_served,
         frozen_node_is_served_later, frozen_node_is_not_waited_for, frozen_sink_is_not_waited_for,
         cut_node, first_node_cut,
         all_sorts_of_faults_at_once, slow_sink_is_moved_aside_and_served_later,
         all_slow_alike_is_no_reason, failing_sink_fails_alone, hanging_sinks_are_given_up,
         stopped_client_kills_its_command, failing_source_reaches_all,
         latecomer_is_done_in_the_next_round, killed_server_is_looked_for_again, vanished_server_is_noticed,
         interrupt_ends_the_round_in_order, source_is_not_read_when_the_window_is_full, go_starts_the_round,
         a_terminal_shows_who_holds_it_up, second_server_is_refused,
         second_server_elsewhere_is_found, no_server, many_nodes]


if __name__ == "__main__":
    rack.run_tests(TESTS)
