#!/usr/bin/env python3
"""Who may read and command a node: ka-server's log, exec and shell, against the log port of nodes, with strangers.
command_test.py NAME…, or all without a name. KA_LOG_NODE is the program of log_node.cpp."""

import contextlib
import fcntl
import os
import pty
import random
import signal
import socket
import struct
import subprocess
import sys
import termios

import rack
from rack import Rack, check, finish, wait_until

LOG_NODE = os.environ.get("KA_LOG_NODE", "build/sanitize/tests/net/log_node")
PORT = 12345
KEY, OTHER = "A" * 43, "B" * 42 + "A"  # secret halves: 32 bytes in base64url
SECRET = "node-with-a-secret-name"


class Nodes:
    """So many of them, which know KEY, or none; the server s has KEY in a file."""

    def __init__(self, count, *keys):
        self.rack, self.keys = Rack(count), keys
        self.names = [f"n{i}" for i in range(1, count + 1)]
        self.addresses = [f"10.99.0.{i + 2}" for i in range(1, count + 1)]

    def __enter__(self):
        self.rack.__enter__()
        self.processes = []
        for name in self.names:
            with open(self.rack.path(name), "w") as log:
                log.write(f"KA 1.0.0\n{SECRET} is here\n")
            self.processes.append(self.rack.start(name, os.path.abspath(LOG_NODE), self.rack.path(name), *self.keys))
            self.rack.wait_for_listener(name, PORT)
        for name, key in (("key", KEY), ("other", OTHER)):
            with open(self.rack.path(name), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(key + "\n")
        return self

    def __exit__(self, *_):
        self.rack.__exit__()

    def start(self, command, *words, key="key", **how):
        return self.rack.start("s", rack.program("ka-server"), command, "--key", self.rack.path(key), *words,
                               stdout=subprocess.PIPE, **how)

    def run(self, command, *words, key="key"):
        """Its exit status, and both outputs."""
        process = self.start(command, *words, key=key)
        out, errors = process.communicate(timeout=120)
        return process.returncode, out, errors

    def log(self, name="n1"):
        with open(self.rack.path(name)) as file:
            return file.read()


def expect(found, status, out, *errors):
    check(found[:2] == (status, out), f"{found} instead of {status}, {out!r}")
    for error in errors:
        check(error in found[2], f"{error!r} is not in {found[2]!r}")


def many_nodes_are_commanded_at_once_and_said_once_where_equal():
    with Nodes(3, OTHER, KEY) as nodes:
        one, two, three = nodes.addresses
        expect(nodes.run("exec", one, two, three, "--", "echo", "same", "--help"), 0,
               f"{one},{two},{three}:\nsame --help\n")
        script = "ip -4 -o addr show eth0 | grep -q 10.99.0.4 && { echo odd; exit 3; }; echo even"
        expect(nodes.run("exec", one, two, three, "--", "sh", "-c", script), 3,
               f"{one},{three}:\neven\n{two}:\nodd\n", f"{two}: ended with status 3")
        expect(nodes.run("exec", one, "--", "sh", "-c", "echo out; echo err >&2; kill -9 $$"), 137, "out\n", "err\n",
               f"{one}: was killed by signal 9 (Killed)")
        expect(nodes.run("exec", one, "10.99.0.77", "--", "true"), 255, "", "10.99.0.77: not reached")
        expect(nodes.run("exec", "--timeout", "1", one, "--", "sleep", "1000"), 255, "", "after 1 s (--timeout)")
        check("runs: echo same --help" in nodes.log(), nodes.log())
        check("10.99.0.2) runs: " in nodes.log(), nodes.log())


def input_is_given_to_each():
    with Nodes(2, KEY) as nodes:
        data = random.Random(7).randbytes(3 << 20)
        with open(nodes.rack.path("data"), "wb") as file:
            file.write(data)
        expect(nodes.run("exec", "--input", nodes.rack.path("data"), *nodes.addresses, "--", "sha256sum"), 0,
               f"{','.join(nodes.addresses)}:\n{rack.digest(nodes.rack.path('data'))}  -\n")


def hear(address, words, limit):
    """What a node says to somebody who says just that, until it hangs up."""
    with socket.create_connection((address, PORT), timeout=limit) as caller:
        with contextlib.suppress(OSError):
            caller.sendall(words)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := caller.recv(4096):
                said += piece
        return said


def be_a_stranger(address, seed):
    """Everything that somebody without the key can say; what he hears is one of two things."""
    generator = random.Random(int(seed))
    opening = b"KAO1\x01" + generator.randbytes(40)
    sayings = [b"", b"GET / HTTP/1.0\r\n\r\n", b"KAO1\x02" + bytes(40), opening[:20], opening, opening + b"\xff\xff",
               opening + b"\0\x20" + generator.randbytes(32), opening + opening, b"\0" * 45,
               opening + b"\x40\x10" + generator.randbytes(0x4010)]
    sayings += [generator.randbytes(generator.randrange(1, 3000)) for _ in range(20)]
    for words in sayings:
        said = hear(address, words, 60)
        if said:
            assert len(said) == 52 and said[:4] == b"KAO1" and words.startswith(b"KAO1\x01"), said
    print("heard nothing")


def nobody_without_the_key_learns_or_commands_anything():
    with Nodes(2, KEY) as nodes:
        one = nodes.addresses[0]
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"  seed {seed}")
        reader = nodes.start("log", "-f", one)
        os.set_blocking(reader.stdout.fileno(), True)
        check(reader.stdout.readline() == "KA 1.0.0\n", "the log is not read")
        stranger = nodes.rack.start("n2", sys.executable, os.path.abspath(__file__), "--stranger", one, str(seed),
                                    stdout=subprocess.PIPE)
        out, said = stranger.communicate(timeout=280)
        check(out == "heard nothing\n", f"{out}{said}")
        before = nodes.log()
        found = nodes.run("exec", one, "--", "touch", nodes.rack.path("touched"), key="other")
        expect(found, 255, "", "does not know this key")
        found = nodes.run("log", one, key="other")
        check(found[0] == 1 and SECRET not in "".join(found[1:]), str(found))
        check(not os.path.exists(nodes.rack.path("touched")) and nodes.log() == before, "it was done")
        # And who has proved the key has been there all the time.
        expect(nodes.run("exec", one, "--", "true"), 0, "")
        reader.stdout.readline()
        check("runs: true" in reader.stdout.readline(), "a stranger has pushed out who has the key")


def a_node_without_keys_takes_no_commands():
    with Nodes(1) as nodes:
        one = nodes.addresses[0]
        expect(nodes.run("exec", one, "--", "true"), 255, "", "it was given no key")
        check("runs" not in nodes.log(), nodes.log())


def a_command_ends_with_its_operator():
    for how in (signal.SIGKILL, signal.SIGINT):
        with Nodes(1, KEY) as nodes:
            running = nodes.start("exec", nodes.addresses[0], "--", "sh", "-c",
                                  "sleep 1000 & echo $!; exec sleep 1000")
            pid = int(running.stdout.readline())
            os.kill(running.pid, how)
            wait_until(lambda: state_of(pid) in ("", "Z"), 60, "the command has ended")


def state_of(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(") ", 1)[1][0]
    return ""


class Shell:
    """ka-server shell on a terminal of 101 by 31."""

    def __init__(self, nodes):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 101, 0, 0))
        self.slave, self.before, self.text = slave, termios.tcgetattr(slave), ""
        take = ("import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
                "os.execv(sys.argv[1], sys.argv[1:])")
        self.process = nodes.rack.start("s", sys.executable, "-c", take, rack.program("ka-server"), "shell", "--key",
                                        nodes.rack.path("key"), nodes.addresses[0], stdin=slave, stdout=slave)

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self, text):
        while text not in self.text:
            self.text += os.read(self.master, 4096).decode(errors="replace")
        self.text = self.text[self.text.index(text) + len(text):]

    def expect_end(self, status, said=""):
        ended, words = finish(self.process)
        check(ended == status and said in words, f"it ended with {ended}: {words}")
        check(termios.tcgetattr(self.slave) == self.before, "the terminal is not as it was")
        check(fcntl.fcntl(self.slave, fcntl.F_GETFL) & os.O_NONBLOCK == 0, "the terminal waits no more")


def a_shell_has_the_size_of_the_terminal_and_leaves_it_as_it_was():
    with Nodes(1, KEY) as nodes:
        shell = Shell(nodes)
        shell.type("stty size\r")
        shell.wait("31 101")
        fcntl.ioctl(shell.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 77, 0, 0))
        shell.type("sleep 0.1; while [ \"$(stty size)\" != '44 77' ]; do sleep 0.1; done; echo res''ized\r")
        shell.wait("resized")
        shell.type("exit 7\r")
        shell.expect_end(7)


def a_shell_that_is_left_or_lost_leaves_the_terminal_as_it_was():
    with Nodes(1, KEY) as nodes:
        for leave in ("typed", "term", "killed"):
            shell = Shell(nodes)
            shell.type("echo re''ady; sleep 1000\r")
            shell.wait("ready")
            if leave == "typed":
                shell.type("\r~.")
                shell.expect_end(255, "left (Enter ~ .)")
            elif leave == "term":
                os.kill(shell.process.pid, signal.SIGTERM)
                shell.expect_end(255, "Terminated")
            else:
                rack.kill(nodes.processes[0])
                shell.expect_end(255, nodes.addresses[0])


TESTS = [many_nodes_are_commanded_at_once_and_said_once_where_equal, input_is_given_to_each,
         nobody_without_the_key_learns_or_commands_anything, a_node_without_keys_takes_no_commands,
         a_command_ends_with_its_operator, a_shell_has_the_size_of_the_terminal_and_leaves_it_as_it_was,
         a_shell_that_is_left_or_lost_leaves_the_terminal_as_it_was]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stranger"]:
        be_a_stranger(*sys.argv[2:])
    else:
        rack.run_tests(TESTS)
