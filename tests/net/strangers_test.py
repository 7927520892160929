#!/usr/bin/env python3
"""Strangers on the network: whatever they send, and however much, takes a bounded share of a server and of a node, and
keeps nobody else from being served. strangers_test.py NAME…, or all without a name. KA_SEED repeats random bytes."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import protocol
import rack
from protocol import CONTROL_PORT, DATA_PORT, Connection
from rack import MIB, Rack, check, digest, finish, wait_until

# What strangers may take, of the server and of a node each.
MOST_MEMORY = 64 * MIB
MOST_PROCESSOR = 0.50  # of what the strangers themselves spend, however fast the machine is and whatever else it does …
OWN_PROCESSOR = 0.05  # … and so much of a core for its own work: ticks, and newcomers
MOST_LOG = 64 * 1024  # bytes
MOST_WAIT = 2.0  # seconds, for somebody new

SEED = int(os.environ.get("KA_SEED") or random.SystemRandom().randrange(1 << 32))
SERVER, NODE = "10.99.0.2", "10.99.0.3"  # the addresses of s and n1
SECONDS = 12


class Watch:
    """What a process takes from now on."""

    def __init__(self, process):
        self.pid = process.pid
        self.memory, self.processor, self.began = self.resident(), self.used(), time.monotonic()

    def resident(self):
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))

    def used(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def expect_little(self, whose, strangers):
        """`strangers`: the processor time that they took, in seconds."""
        memory, used = self.resident() - self.memory, self.used() - self.processor
        most = MOST_PROCESSOR * strangers + OWN_PROCESSOR * (time.monotonic() - self.began)
        print(f"  {whose}: {memory / MIB:.1f} MiB more, {used:.1f} s of processor, the strangers {strangers:.1f} s")
        check(memory < MOST_MEMORY, f"{whose} took {memory / MIB:.0f} MiB more")
        check(used < most, f"{whose} took {used:.1f} s of processor, the strangers {strangers:.1f} s")


class Attack:
    """Functions of this file, each in a process of its own on a host, for so many seconds."""

    def __init__(self, rack_, host, *names, seconds=SECONDS):
        self.processes = [rack_.start(host, sys.executable, os.path.abspath(__file__), "--attack", name, str(seconds),
                                      str(SEED), stdout=subprocess.PIPE) for name in names]

    def running(self):
        return any(process.poll() is None for process in self.processes)

    def expect_done(self):
        """The processor time that they took, in seconds."""
        processor = 0
        for process in self.processes:
            out, said = process.communicate(timeout=120)
            check(process.returncode == 0, f"the attack itself failed: {said}")
            did, used = out.splitlines()
            print("  " + did)
            processor += float(used)
        return processor


class Target:
    """A server whose log is a file, and that nobody has come to yet."""

    def __init__(self, rack_, *options):
        self.rack = rack_
        self.log = rack_.path("log")
        with open(self.log, "w") as log:
            self.process = rack_.server(*options, stderr=log)
        rack_.wait_for_listener("s", CONTROL_PORT)
        self.watch = Watch(self.process)

    def said(self):
        with open(self.log) as file:
            return file.read()

    def expect_little(self, strangers):
        self.watch.expect_little("the server", strangers)
        size = os.path.getsize(self.log)
        print(f"  the log: {size} bytes")
        check(size < MOST_LOG, f"{size} bytes of log: {self.said()[:2000]}")


def expect_served_while(rack_, host, attack):
    """A node that comes new, time and again, is greeted in time, and found by discovery."""
    waits = []
    while attack.running():
        newcomer = rack_.start(host, sys.executable, os.path.abspath(__file__), "--newcomer", SERVER,
                               stdout=subprocess.PIPE)
        out, said = newcomer.communicate(timeout=60)
        check(newcomer.returncode == 0, f"a newcomer was not served: {said}")
        waits.append(float(out))
    print(f"  {len(waits)} newcomers, the slowest after {max(waits):.2f} s")
    check(len(waits) >= 3, "the attack was over too soon")
    check(max(waits) < MOST_WAIT, f"a newcomer waited for {max(waits):.1f} s")


def be_a_newcomer(server):
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        for token in range(20):
            asking.sendto(protocol.query(token, rack.SESSION), (server, CONTROL_PORT))
            try:
                asking.recv(512)
                break
            except TimeoutError:
                continue
        else:
            raise AssertionError("nobody answered")
    node = Connection.to(server, timeout=30)
    node.send(protocol.hello("newcomer"))
    node.wait_for(protocol.WELCOME)
    print(time.monotonic() - began)


# What strangers do; each until `end`.

def mute_connections(end, _):
    """600 at a time, to every port there is; one that was closed is opened anew."""
    places = [(SERVER, CONTROL_PORT), (SERVER, DATA_PORT), (NODE, DATA_PORT)]
    held, tried, opened = [], 0, 0
    while time.monotonic() < end:
        tried += 1
        try:
            held.append(socket.create_connection(places[tried % 3], timeout=1))
            opened += 1
        except OSError:
            pass  # nobody listens there
        if len(held) > 1800:
            held.pop(0).close()
    print(f"{opened} mute connections")


def hellos(end, _):
    """As fast as they can be said, with names as long as a message allows, full of escape sequences."""
    name, said = "\x1b[2J" * 1000, 0
    word = protocol.hello(name, name)
    while time.monotonic() < end:
        try:
            with socket.create_connection((SERVER, CONTROL_PORT), timeout=1) as caller:
                caller.sendall(word)
                said += 1
        except OSError:
            pass
    print(f"{said} hellos")


def hellos_that_stay(end, _):
    """They are greeted, and never join anything; or join and leave."""
    held, said = [], 0
    while time.monotonic() < end:
        try:
            held.append(socket.create_connection((SERVER, CONTROL_PORT), timeout=1))
            held[-1].sendall(protocol.hello("x" * 253, f"52:54:00:00:{said // 256 % 256:02x}:{said % 256:02x}") +
                             (protocol.join(rack.SESSION) if said % 2 else b""))
            said += 1
        except OSError:
            pass
        if len(held) > 500:
            held.pop(0).close()
    print(f"{said} hellos that stay")


def words_without_end(end, _):
    """Valid messages that mean nothing, on connections that were greeted."""
    sent, caller = 0, None
    pongs = protocol.frame(protocol.PONG, bytes(8)) * 1000
    while time.monotonic() < end:
        try:
            if caller is None:
                caller = socket.create_connection((SERVER, CONTROL_PORT), timeout=1)
                caller.sendall(protocol.hello())
            caller.sendall(pongs)
            sent += 1000
        except OSError:
            caller = None
    print(f"{sent} pongs")


def random_bytes(end, seed):
    """To every port, over TCP and UDP; lengths that cannot be, and beginnings that are right."""
    generator = random.Random(seed)
    starts = (b"", b"\xff\xff\xff\xff\x01", b"\x00\x00\x00\x00", protocol.hello()[:9], b"KAH1\x00\x01\x00\x00",
              b"GET / HTTP/1.0\r\n\r\n", protocol.hello() + protocol.join(rack.SESSION)[:7])
    places = [(SERVER, CONTROL_PORT), (SERVER, DATA_PORT), (NODE, DATA_PORT)]
    datagrams, sent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
    while time.monotonic() < end:
        try:
            with socket.create_connection(generator.choice(places), timeout=1) as caller:
                caller.sendall(generator.choice(starts) + generator.randbytes(generator.randrange(40000)))
        except OSError:
            pass  # it hung up on us already
        datagrams.sendto(generator.choice((b"", b"KAD1\x01")) + generator.randbytes(generator.randrange(600)),
                         (SERVER, CONTROL_PORT))
        sent += 1
    print(f"{sent} times random bytes, seed {seed}")


def questions(end, _):
    """Valid ones, as fast as they can be asked."""
    asked = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        while time.monotonic() < end:
            datagrams.sendto(protocol.query(asked, rack.SESSION), (SERVER, CONTROL_PORT))
            asked += 1
    print(f"{asked} questions")


ATTACKS = {attack.__name__: attack for attack in (mute_connections, hellos, hellos_that_stay, words_without_end,
                                                  random_bytes, questions)}


# The tests.

def newcomers_are_served_while(*attacks):
    with Rack(3, open=True) as rack_:
        target = Target(rack_, "-n", "1000", "-e", "echo hello")
        attack = Attack(rack_, "n3", *attacks)
        expect_served_while(rack_, "n2", attack)
        target.expect_little(attack.expect_done())
        check("\x1b" not in target.said(), "an escape sequence is in the log")
        # And now somebody wants to be served in earnest. n3 is gone, and left no row behind.
        target.process.send_signal(signal.SIGINT)
        target.process.wait(timeout=60)
        rows = [line for line in target.said().splitlines() if "10.99.0.5" in line and "waiting" in line]
        check(len(rows) < 100, f"{len(rows)} rows are left of strangers")


def mute_connections_keep_nobody_out():
    newcomers_are_served_while("mute_connections")


def a_flood_of_hellos_is_a_few_lines():
    newcomers_are_served_while("hellos")


def guests_that_stay_make_room():
    newcomers_are_served_while("hellos_that_stay")


def words_without_end_are_not_listened_to():
    newcomers_are_served_while("words_without_end")


def random_bytes_are_dropped():
    newcomers_are_served_while("random_bytes")


def questions_are_answered_at_a_pace():
    newcomers_are_served_while("questions")


def a_stream_goes_on_through_all_of_it():
    """A slow stream, while everything at once goes on: the node takes little, and gets every byte."""
    with Rack(3, open=True) as rack_:
        source, whole = rack_.source(12)
        target = Target(rack_, "-n", "2", "-e", f"while head -c 1000000 && sleep 1; do [ ! -e {rack_.path('end')} ] || "
                        f"exec cat; done < {source}")
        clients = [rack_.client(name) for name in ("n1", "n2")]
        rack_.wait_for_size("n2", 1)
        watch = Watch(clients[0])
        attack = Attack(rack_, "n3", "mute_connections", "hellos", "random_bytes", seconds=8)
        strangers = attack.expect_done()
        watch.expect_little("the node", strangers)
        target.expect_little(strangers)
        open(rack_.path("end"), "w").close()
        for name, client in zip(("n1", "n2"), clients):
            status, said = finish(client)
            check(status == 0 and digest(rack_.path(name)) == whole, f"{name} ended with {status}: {said}")
        check(target.process.wait(timeout=60) == 0, target.said())


def a_server_that_sends_crumbs_is_dropped():
    """Chunks of one byte each, 3.3 MB on the wire, from what calls itself a server."""
    with Rack(2, open=True) as rack_:
        liar = rack_.start("s", sys.executable, os.path.abspath(__file__), "--crumbs", stdout=subprocess.PIPE)
        rack_.wait_for_listener("s", DATA_PORT)
        client = rack_.start("n1", rack.program("ka-client"), "-s", rack.SESSION, *rack_.trusts(), "-H", SERVER,
                              "-t", "20", "-e",
                             "sleep 1000")
        if liar.stdout.readline() != "begins\n":
            client.terminate()
            check(False, f"the node did not come: {finish(client)}")
        watch = Watch(client)
        fate = liar.stdout.readline()
        check(fate != "", "the liar itself failed")
        watch.expect_little("the node", float(liar.stdout.readline()))
        client.terminate()  # which ends its command, too
        finish(client)
        check("lost" in fate, f"the node took it all: {fate}")


def keep_alive(node):
    with contextlib.suppress(OSError):
        while True:
            node.send(protocol.frame(protocol.PING, bytes(8)))
            time.sleep(1)


def send_crumbs():
    crumbs = b"".join(protocol.crumb(offset, False) for offset in range(100_000))
    socket.setdefaulttimeout(60)  # a node that does not come, or neither takes nor refuses them, is no reason to hang
    control, data = (socket.create_server(("", port)) for port in (CONTROL_PORT, DATA_PORT))
    node = Connection(control.accept()[0])
    node.wait_for(protocol.HELLO)
    node.send(protocol.welcome())
    node.wait_for(protocol.JOIN)
    node.send(protocol.start(1, rack.SESSION, 8 * MIB), protocol.link(1, 1, 0, DATA_PORT))
    threading.Thread(target=keep_alive, args=[node], daemon=True).start()
    upstream = data.accept()[0]
    upstream.recv(32)
    print("begins", flush=True)
    try:
        upstream.sendall(crumbs)
    except OSError:
        pass
    try:
        fate = "lost: " + node.wait_for(protocol.UPSTREAM_LOST, timeout=5)[14:].decode()
    except TimeoutError:
        fate = "taken"
    print(f"{len(crumbs)} bytes of crumbs; {fate}\n{time.process_time()}", flush=True)
    time.sleep(5)  # the node shall not end before it was looked at


TESTS = [mute_connections_keep_nobody_out, a_flood_of_hellos_is_a_few_lines, guests_that_stay_make_room,
         words_without_end_are_not_listened_to, random_bytes_are_dropped, questions_are_answered_at_a_pace,
         a_stream_goes_on_through_all_of_it, a_server_that_sends_crumbs_is_dropped]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        ATTACKS[sys.argv[2]](time.monotonic() + float(sys.argv[3]), int(sys.argv[4]))
        print(time.process_time())
    elif sys.argv[1:2] == ["--newcomer"]:
        be_a_newcomer(sys.argv[2])
    elif sys.argv[1:2] == ["--crumbs"]:
        send_crumbs()
    else:
        print(f"seed {SEED}")
        rack.run_tests(TESTS)
