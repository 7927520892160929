#!/usr/bin/env python3
"""ka-client as a command among others: where its bytes go, what it says, how it ends. client_test.py NAME…, or all."""

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time

import protocol
import rack
from protocol import CONTROL_PORT, Connection
from rack import MIB, Rack, check, digest, finish, freeze, kill, thaw

SERVER = "10.99.0.2"


def client(rack_, *options, shell=None, **how):
    """ka-client on n1, or what a shell makes of CLIENT."""
    words = [rack.program("ka-client"), "-s", rack.SESSION, *rack_.trusts(), *options]
    if shell is None:
        return rack_.start("n1", *words, **how)
    return rack_.start("n1", "sh", "-c", shell.replace("CLIENT", " ".join(words)), **how)


def content(rack_, name):
    with open(rack_.path(name), "rb") as file:
        return file.read()


def expect(process, status, *patterns):
    ended, said = finish(process)
    check(ended == status, f"it ended with {ended}, not {status}: {said}")
    for pattern in patterns:
        check(re.search(pattern, said), f"it did not say {pattern}: {said}")
    return said


def standard_output_is_used_where_it_stands():
    for shell, before, after in (("{ echo head; CLIENT; echo tail; } > FILE", "", "head\nbody\ntail\n"),
                                 ("CLIENT >> FILE", "there\n", "there\nbody\n"),
                                 ("CLIENT > FILE", "there\n", "body\n"), ("CLIENT | cat > FILE", "", "body\n")):
        with Rack(1) as rack_:
            server = rack_.server("-n", "1", "-e", "echo body")
            with open(rack_.path("f"), "w") as file:
                file.write(before)
            expect(client(rack_, shell=shell.replace("FILE", rack_.path("f"))), 0)
            check(content(rack_, "f") == after.encode(), f"{shell}: {content(rack_, 'f')}")
            check(finish(server)[0] == 0, "the server failed")


def sockets_and_terminals_are_standard_output_too():
    with Rack(1) as rack_:
        server = rack_.server("-n", "1", "-e", "echo body")
        ours, theirs = socket.socketpair()
        process = client(rack_, stdout=theirs)
        theirs.close()
        check(ours.recv(100) == b"body\n", "wrong bytes through a socket")
        expect(process, 0)
        check(finish(server)[0] == 0, "the server failed")
        server = rack_.server("-n", "1", "-e", "echo body")
        master, slave = pty.openpty()
        process = client(rack_, stdout=slave)
        check(os.read(master, 100) == b"body\r\n", "wrong bytes on a terminal")
        expect(process, 0)


def what_went_out_is_not_followed_by_another_round():
    """A client that is put out in mid-stream, and one whose server dies: status 1, and a prefix of the stream."""
    for trouble in ("put out", "server lost"):
        with Rack(2, mbit=200) as rack_:
            source, _ = rack_.source(48)
            server = rack_.server("-n", "2", "-f", source, "--linger", "60")
            process = client(rack_, shell=f"exec CLIENT > {rack_.path('n1')}")
            other = rack_.client("n2")
            rack_.wait_for_size("n1", MIB)
            if trouble == "put out":
                freeze(process)
                check(finish(other)[0] == 0, "the other one failed")
                thaw(process)
            else:
                kill(server)
                server.wait()
                rack_.server("-n", "2", "-f", source)
            expect(process, 1, "is cut after .*cannot be taken back")
            got = content(rack_, "n1")
            with open(source, "rb") as file:
                check(len(got) < 48 * MIB and got == file.read(len(got)), f"{trouble}: {len(got)} bytes, not a prefix")


def files_are_emptied_at_the_first_byte():
    with Rack(1) as rack_:
        with open(rack_.path("f"), "w") as file:
            file.write("precious")
        server = rack_.server("-n", "1", "-e", "exit 3")
        expect(client(rack_, "-o", rack_.path("f")), 1)
        check(content(rack_, "f") == b"precious", "it was emptied for nothing")
        server.wait(timeout=60)
        server = rack_.server("-n", "1", "-e", "echo new")
        expect(client(rack_, "-o", rack_.path("f")), 0)
        check(content(rack_, "f") == b"new\n", f"{content(rack_, 'f')}")


def a_device_in_use_is_refused():
    with Rack(1) as rack_, contextlib.ExitStack() as later:
        image, mounted = rack_.path("image"), rack_.path("mounted")
        with open(image, "wb") as file:
            file.truncate(8 * MIB)
        os.mkdir(mounted)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        losetup = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True)
        device = losetup.stdout.strip()
        later.callback(subprocess.run, ["losetup", "-d", device])
        subprocess.run(["blockdev", "--setrw", device], check=True)  # it stays as somebody before left it
        # Mounted where `ip netns exec` has put the client, for the client alone: a mount that others see is copied by
        # each program that gets a mount namespace of its own meanwhile, and holds the device until that one ends.
        attempt = f"CLIENT -o {device} -t 1; status=$?; umount {mounted} && exit $status"
        expect(client(rack_, shell=f"mount {device} {mounted} && {{ {attempt}; }}"), 1, f"open {device}: it is in use")
        server = rack_.server("-n", "1", "-e", "head -c 1000000 /dev/zero")
        expect(client(rack_, "-o", device), 0)
        with open(device, "rb") as disk:
            check(disk.read(1_000_000) == bytes(1_000_000), "wrong bytes on the device")
        check(finish(server)[0] == 0, "the server failed")


def a_device_that_is_not_there_is_no_file():
    with Rack(1) as rack_:
        expect(client(rack_, "-o", "/dev/ka-none", "-t", "1"), 1, "open /dev/ka-none: there is no such device")
        check(not os.path.exists("/dev/ka-none"), "it was made")


def a_fifo_that_nobody_reads_holds_up_nobody():
    with Rack(2) as rack_:
        os.mkfifo(rack_.path("fifo"))
        source, whole = rack_.source(4)
        server = rack_.server("-n", "2", "-f", source)
        process, other = client(rack_, "-o", rack_.path("fifo")), rack_.client("n2")
        check(finish(other)[0] == 0 and digest(rack_.path("n2")) == whole, "the other one failed")
        with open(rack_.path("fifo"), "rb") as fifo, open(rack_.path("n1"), "wb") as copy:
            copy.write(fifo.read())
        check(digest(rack_.path("n1")) == whole, "wrong bytes")
        expect(process, 0)
        status, said = finish(server)
        check(status == 0 and "dropped" not in said, said)


def a_server_that_is_away_is_looked_for_so_often():
    with Rack(1, open=True) as rack_:
        said = expect(client(rack_, "-H", SERVER, "-t", "2", "-e", "cat"), 3, r"\(Try 2/2\)",
                      "Can't reach a valid KA server: .*Connection refused")
        check(said.count("(Try ") == 1, f"it was looked for more often: {said}")


def one_that_drops_its_callers_is_not_asked_for_ever():
    with Rack(1, open=True) as rack_:
        liar = rack_.start("s", sys.executable, os.path.abspath(__file__), "--drop")
        rack_.wait_for_listener("s", CONTROL_PORT)
        expect(client(rack_, "-H", SERVER, "-t", "2", "-e", "cat"), 3, "Can't reach a valid KA server")
        kill(liar)


def words_of_a_server_drive_no_terminal():
    with Rack(1, open=True) as rack_:
        liar = rack_.start("s", sys.executable, os.path.abspath(__file__), "--refuse")
        rack_.wait_for_listener("s", CONTROL_PORT)
        said = expect(client(rack_, "-H", SERVER, "-t", "1", "-e", "cat"), 1, r"\\x1b\[2J", r"\\x9b", "caf\u00e9")
        check("\x1b" not in said and "\x9b" not in said, f"raw bytes: {said!r}")
        kill(liar)


def it_says_where_it_is():
    with Rack(1) as rack_:
        server = rack_.server("-n", "1", "-e", "echo body")
        expect(client(rack_, "-o", rack_.path("f")), 0, "joining session net of 10.99.0.2", r"received 5 B in \d")
        check(finish(server)[0] == 0, "the server failed")
        server = rack_.server("-n", "1", "-e", "echo body")
        said = expect(client(rack_, "-q", "-o", rack_.path("f")), 0)
        check(said == "", f"it was not quiet: {said}")
        server.wait(timeout=60)
        # On a terminal, while it waits.
        master, slave = pty.openpty()
        process = client(rack_, "-t", "1", "-e", "cat", stderr=slave, env={**os.environ, "TERM": "vt100"})
        server = rack_.server("-n", "2", "-e", "echo body")
        said = b""
        while b"waiting for the server to begin" not in said:
            said += os.read(master, 4096)
        process.send_signal(signal.SIGINT)
        check(process.wait(timeout=60) == 130, "Ctrl-C is 130")


def exit_statuses_are_what_the_manual_says():
    program = rack.program("ka-client")
    for words, status, where in ((["-V"], 0, "stdout"), (["--version"], 0, "stdout"), (["-h"], 0, "stdout"),
                                 (["--help"], 0, "stdout"), ([], 2, "stderr"), (["-s", "a b"], 2, "stderr"),
                                 (["-s", "x", "-e", ""], 2, "stderr"), (["-s", "x", "-t", "0"], 2, "stderr"),
                                 (["-s", "x", "--open", "-o", "a", "-e", "b"], 2, "stderr"),
                                 (["-s", "x", "--no"], 2, "stderr"), (["-s", "x"], 2, "stderr"),
                                 (["-s", "x", "--open", "-k", "x"], 2, "stderr"), (["-s", "x", "-k", "x"], 2, "stderr"),
                                 (["-s", "x", "--open", "-o", "/"], 1, "stderr")):
        ended = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
        check(ended.returncode == status and getattr(ended, where), f"{words}: {ended}")


def drop_callers():
    listener = socket.create_server(("", CONTROL_PORT))
    while True:
        node = Connection(listener.accept()[0])
        node.wait_for(protocol.HELLO)
        node.send(protocol.welcome())
        node.socket.close()


def refuse_callers():
    node = Connection(socket.create_server(("", CONTROL_PORT)).accept()[0])
    node.wait_for(protocol.HELLO)
    node.send(protocol.frame(protocol.REFUSED, protocol.text(b"caf\xc3\xa9 \x1b[2J \xc2\x9b2J \x9b2J")))
    time.sleep(60)


TESTS = [standard_output_is_used_where_it_stands, sockets_and_terminals_are_standard_output_too,
         what_went_out_is_not_followed_by_another_round, files_are_emptied_at_the_first_byte,
         a_device_in_use_is_refused, a_device_that_is_not_there_is_no_file, a_fifo_that_nobody_reads_holds_up_nobody,
         a_server_that_is_away_is_looked_for_so_often, one_that_drops_its_callers_is_not_asked_for_ever,
         words_of_a_server_drive_no_terminal, it_says_where_it_is, exit_statuses_are_what_the_manual_says]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--drop"]:
        drop_callers()
    elif sys.argv[1:2] == ["--refuse"]:
        refuse_callers()
    else:
        rack.run_tests(TESTS)
