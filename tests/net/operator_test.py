#!/usr/bin/env python3
"""The operator's side, with the real programs: operator_test.py NAME…, or all.

A terminal that is stopped, a pipe that nobody reads and a source that says nothing hold up no node; what is wrong with
a command is said before its first line, with the right exit status.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
import time

import rack
from chain_test import Run
from rack import MIB, Rack, check, digest, finish, wait_until

# A node gives a server up that says nothing for 10 s.
SILENCE = 14


def server_says(*words, **options):
    """Exit status, standard output and standard error of ka-server, on this machine."""
    done = subprocess.run([rack.program("ka-server"), *words], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout, done.stderr


class Held:
    """A server that gets 64 MiB to four nodes in far more than ten seconds, with its standard error on `descriptor`."""

    def __init__(self, descriptor):
        self.rack = Rack(4, mbit=40)
        self.descriptor = descriptor

    def __enter__(self):
        self.rack.__enter__()
        source, self.digest = self.rack.source(64)
        self.server = self.rack.server("-n", "4", "-f", source, stderr=self.descriptor,
                                       env=dict(os.environ, TERM="xterm"))
        self.clients = {name: self.rack.client(name) for name in self.rack.names[1:]}
        return self

    def __exit__(self, *words):
        self.rack.__exit__(*words)

    def expect_whole(self):
        for name, client in self.clients.items():
            status, said = finish(client)
            check(status == 0 and "lost" not in said, f"{name} ended with {status}: {said}")
            check(digest(self.rack.path(name)) == self.digest, f"{name} has wrong bytes")
        check(self.server.wait(timeout=60) == 0, "the server failed")


def read_all(descriptor, until):
    """What comes, to its end or until `until` is in it."""
    said = b""
    while until not in said:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # how a terminal tells that nobody has its other end any more
            break
        if not piece:
            break
        said += piece
    return said


def stopped_terminal_stops_nobody():
    """Ctrl-S, from before the first line to after the last."""
    screen, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    termios.tcflow(terminal, termios.TCOOFF)
    with Held(terminal) as held:
        held.expect_whole()
        termios.tcflow(terminal, termios.TCOON)
        said = read_all(screen, b"4 of 4 nodes done")
        check(b"4 of 4 nodes done" in said, f"the result is lost: {said}")
    os.close(terminal)
    os.close(screen)


def unread_pipe_stops_nobody():
    """As `| less` that is not scrolled."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"." * size)
    with Held(writer) as held:
        os.close(writer)
        held.expect_whole()
        said = read_all(reader, b"4 of 4 nodes done")
        check(b"4 of 4 nodes done" in said, f"the result is lost: {said}")
    os.close(reader)


def closed_pipe_stops_nobody():
    """As `| head -1`."""
    reader, writer = os.pipe()
    with Held(writer) as held:
        os.close(writer)
        os.close(reader)
        held.expect_whole()


def silent_fifo_is_waited_for():
    """Silent longer than a node would wait for a silent server, before its first byte and in the midst."""
    with Rack(3) as rack_:
        source, whole = rack_.source(16)
        fifo = rack_.path("fifo")
        os.mkfifo(fifo)
        server = rack_.server("-n", "3", "-f", fifo)
        clients = [rack_.client(name) for name in rack_.names[1:]]
        with open(fifo, "wb", buffering=0) as writer, open(source, "rb") as content:  # the server reads: all are there
            time.sleep(SILENCE)
            writer.write(content.read(4 * MIB))
            rack_.wait_for_size("n3", 3 * MIB)
            time.sleep(SILENCE)
            writer.write(content.read())
        for name, client in zip(rack_.names[1:], clients):
            status, said = finish(client)
            check(status == 0 and "lost" not in said, f"{name} ended with {status}: {said}")
            check(digest(rack_.path(name)) == whole, f"{name} has wrong bytes")
        status, said = finish(server)
        check(status == 0 and "dropped" not in said, f"the server ended with {status}: {said}")


def a_program_that_hangs_holds_up_nobody():
    """It is waited for when all is over, and Ctrl-C ends that; the result is what it was."""
    with Rack(1) as here:
        source, whole = here.source(4)
        hook, events = here.path("hook"), here.path("events")
        with open(hook, "w") as file:
            file.write("#!/bin/sh\nexec sleep 1000\n")
        os.chmod(hook, 0o755)
        server = here.server("-n", "1", "-f", source, "--on-event", hook, "--events", events)
        status, said = finish(here.client("n1"))
        check(status == 0 and digest(here.path("n1")) == whole, f"the client ended with {status}: {said}")
        wait_until(lambda: "job_ended" in open(events).read(), 60, "the end is told")
        server.send_signal(signal.SIGINT)
        status, said = finish(server)
        check(status == 0 and "it still runs" in said and "1 of 1 nodes done" in said, f"{status}: {said}")


def events_tell_of_every_end():
    """Of a server that is ended at once, too; standard output has them and nothing else."""
    with Rack(1) as here:
        server = here.server("-n", "2", "-f", "/etc/passwd", "--events", "-", stdout=subprocess.PIPE)
        here.wait_for_listener("s", 30765)
        server.send_signal(signal.SIGTERM)
        told, said = server.communicate(timeout=60)
        events = [json.loads(line) for line in told.splitlines()]
        check(events[0]["event"] == "job_began", told)
        check(events[-1]["event"] == "job_ended" and events[-1]["result"] == "interrupted", told)
        check("0 of 2 nodes done" in said, said)


def each_failure_is_told_once_and_in_the_summary():
    commands = {"n2": "head -c 1000000 > /dev/null; echo no space left >&2; exit 4"}
    with Run(3, size=16, commands=commands) as run:
        run.expect_whole(["n1", "n3"])
        said = run.expect_server(1, "2 of 3 nodes done")
        lines = [line for line in said.splitlines() if "no space left" in line]
        check(len(lines) == 2, f"{len(lines)} lines: {said}")
        check(re.match(r"\d\d:\d\d:\d\d ", lines[0]), f"a line of the log has no time: {lines[0]}")
        before = said[:said.index("Sending")]
        for address in ("10.99.0.3", "10.99.0.4", "10.99.0.5"):
            check(before.count(address) == 1, f"{address} stands there {before.count(address)} times: {before}")
        check("Meg" not in said and "Mbyte" not in said, f"units: {said}")


def what_is_wrong_is_said_first():
    """One line, nothing before it, and nobody was waited for."""
    for words, status, why in (
            (("-f", "/no/such/file"), 1, "open /no/such/file: No such file or directory"),
            (("-f", "/tmp"), 1, "it is a directory"),
            (("-f", ""), 2, "it is empty"),
            (("-e", ""), 2, "it is empty"),
            (("-e", "true", "--json", "/no/such/file"), 1, "--json: write to /no/such/file: No such file or directory"),
            (("-e", "true", "--json", "/tmp"), 1, "--json: write to /tmp: Is a directory"),
            (("-e", "true", "--racks", "/no/such/file"), 1, "open /no/such/file: No such file or directory"),
            (("-e", "true", "--interface", "nosuch0"), 1, "there is no such interface"),
            (("-e", "true", "--listen", "192.0.2.1"), 1, "this machine does not have that address"),
            (("-e", "true", "--data-port", "30765"), 2, "cannot both be 30765"),
            (("-e", "true", "-n", "0"), 2, "a whole number from 1 to 100000 is needed, not 0"),
            (("-e", "true", "--warning-status", "256"), 2, "a whole number from 0 to 255 is needed, not 256"),
            (("-e", "true", "--key", "/no/such/key"), 1, "read the key /no/such/key: there is none: ka-server key"),
            (("-e", "true", "--key", "/no/such/key", "--open"), 2, "contradict each other"),
            (("-e", "true", "--nosuch"), 2, "--nosuch"),
            (("-e", "true", "-f", "/etc/hostname"), 2, "excludes"),
            ((), 2, "-e COMMAND or -f FILE")):
        got, out, said = server_says("send", "-s", "x", *words)
        check(got == status and why in said, f"{words} ended with {got}: {said}")
        check(out == "" and "I want" not in said and "ka-server: ka-server" not in said, f"{words}: {out} {said}")
        check(".hpp" not in said and ".cpp" not in said and "asio" not in said, f"{words}: {said}")


def nothing_on_the_command_line_serves_nobody():
    """The machine is looked at, whether it can be cloned or not."""
    status, out, said = server_says()
    check("I want" not in out and "Listening" not in out, out)
    if status == 0:
        check("can be cloned. Nothing was sent" in out and "-n N" in out and "--pxe" in out, out)
    else:
        check(status == 1 and said.startswith("ka-server: "), f"it ended with {status}: {said}")


def help_and_version_go_to_standard_output():
    for face in ((), ("send",), ("desc",), ("probe",), ("pxe-config",), ("pxe-default",)):
        for option in ("-h", "--help", "-V", "--version"):
            status, out, said = server_says(*face, option)
            check(status == 0 and out != "" and said == "", f"{face} {option} ended with {status}: {said}")
            check(("ka-server " in out) if option in ("-V", "--version") else ("--help" in out), out)


def a_report_leaves_the_file_until_it_is_there():
    with Rack(1) as rack_:
        report = rack_.path("report")
        with open(report, "w") as file:
            file.write("of yesterday")
        os.symlink(report, rack_.path("link"))
        server = rack_.server("-n", "1", "-e", "echo hello", "--json", rack_.path("link"))
        wait_until(lambda: os.path.exists(report + ".ka-new"), 20, "the report is open")
        check(open(report).read() == "of yesterday", "it was cut before the end")
        check(finish(rack_.client("n1"))[0] == 0 and finish(server)[0] == 0, "it failed")
        check(json.load(open(report))["result"] == "done" and os.path.islink(rack_.path("link")), "no report")
        # Into what is not a regular file it is written.
        reader, writer = os.pipe()
        server = rack_.server("-e", "echo hello", "--json", f"/dev/fd/{writer}", pass_fds=[writer])
        os.close(writer)
        check(finish(rack_.client("n1"))[0] == 0 and finish(server)[0] == 0, "it failed")
        check(json.loads(read_all(reader, b"no such text"))["result"] == "done", "no report")


def interrupted_is_130():
    server = subprocess.Popen([rack.program("ka-server"), "send", "-s", "x", "--open", "-e", "true", "--interface",
                               "lo"],
                              stderr=subprocess.PIPE, text=True)
    while "Listening" not in server.stderr.readline():
        pass
    server.send_signal(signal.SIGINT)
    said = server.communicate(timeout=60)[1]
    check(server.returncode == 130 and "ended by the operator" in said, f"ended with {server.returncode}: {said}")


TESTS = [stopped_terminal_stops_nobody, unread_pipe_stops_nobody, closed_pipe_stops_nobody, silent_fifo_is_waited_for,
         a_program_that_hangs_holds_up_nobody, events_tell_of_every_end,
         each_failure_is_told_once_and_in_the_summary, what_is_wrong_is_said_first,
         nothing_on_the_command_line_serves_nobody, help_and_version_go_to_standard_output,
         a_report_leaves_the_file_until_it_is_there, interrupted_is_130]


if __name__ == "__main__":
    rack.run_tests(TESTS)
