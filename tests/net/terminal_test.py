#!/usr/bin/env python3
"""The table of ka-server in a real terminal, tmux, whose screen is looked at: terminal_test.py NAME…, or all."""

import fcntl
import os
import re
import shlex
import subprocess

import rack
from rack import Rack, check, finish, wait_until

NODES = 64
SGR = r"\x1b\[[0-9;]*m"
# A host name is any bytes: this one clears a screen, paints it, and sets the title of a window.
HOSTILE = b"\x1b[2J\x1b[41m\x1b]0;owned\x07\x9b31m"
NAMED = "import os, socket, sys; socket.sethostname(bytes.fromhex(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"


class Terminal:
    """A tmux of its own, with one pane, in which a command runs on the host s."""

    def __init__(self, here, columns, rows, *words):
        self.socket = here.path("tmux")
        with open(here.path("tmux.conf"), "w") as file:
            file.write("set -g status off\nset -g remain-on-exit on\nset -g default-terminal screen-256color\n")
        self.tmux("-f", here.path("tmux.conf"), "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  shlex.join(["ip", "netns", "exec", here.space("s"), *words]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], stderr=subprocess.DEVNULL)

    def tmux(self, *words):
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")}
        return subprocess.run(["tmux", "-u", "-S", self.socket, *words], check=True, capture_output=True, text=True,
                              env=dict(environment, LC_ALL="C.UTF-8")).stdout

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self, *options):
        """Its lines, as they are seen."""
        return self.tmux("capture-pane", "-p", *options).rstrip("\n").split("\n")


def table_of(lines):
    """From the session's line to the one that counts the rest."""
    first = max((i for i, line in enumerate(lines) if line.startswith("net: ")), default=None)
    last = max((i for i, line in enumerate(lines) if line.startswith("... and ")), default=None)
    return lines[first:last + 1] if first is not None and last is not None and first < last else []


def looks_right(terminal, columns, rows):
    """Whether the table is there once, whole, and as wide and high as it may be; what is wrong with it."""
    lines = terminal.screen()
    table = table_of(lines)
    if len(lines) > rows or not table:
        return f"{len(lines)} lines, no table"
    if len(table) > rows - 1:
        return "it is too high"
    if any(len(line) >= columns for line in table):
        return "a line is too wide"
    if sum(" here, " in line for line in lines) != 1 or sum(line.startswith("net: ") for line in lines) != 1:
        return "old copies are seen"
    # tmux joins with -J what has wrapped.
    if [line.rstrip() for line in table_of(terminal.screen("-J"))] != table:
        return "a line has wrapped"
    head = next(i for i, line in enumerate(table) if " here, " in line) + 1
    addresses = [line.split()[0] for line in table[head:-1]]
    more = re.match(r"\.\.\. and (\d+) more: ", table[-1])
    if not more or len(addresses) + int(more[1]) != NODES:
        return f"{len(addresses)} rows, and {table[-1]}"
    return ""


def sixty_four_nodes_in_twenty_four_lines():
    """One has failed, one has a hostile name; the terminal becomes narrow and low, and large again."""
    with Rack(1) as here, open(here.path("gate"), "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        source, _ = here.source(8)
        command = [rack.program("ka-server"), "send", "-s", rack.SESSION, *here.serves(), "-n", str(NODES), "-f",
                   source]
        with Terminal(here, 80, 24, *command) as terminal:
            # None of them takes more than some of it before the gate opens.
            wait = f"head -c 1000000 > /dev/null; flock -s {here.path('gate')} cat > /dev/null"
            fails = "head -c 1000 > /dev/null; exit 4"
            words = [rack.program("ka-client"), "-s", rack.SESSION, *here.trusts(), "-t", "60", "-e"]
            clients = [here.start("n1", *words, wait) for _ in range(NODES - 2)]
            clients += [here.start("n1", *words, fails),
                        here.start("n1", "unshare", "--uts", "python3", "-c", NAMED, HOSTILE.hex(), *words, wait)]

            def shown(columns, rows):
                said = ["nothing was looked at"]

                def right():
                    said[0] = looks_right(terminal, columns, rows)
                    return said[0] == "" and "1 failed" in "".join(terminal.screen())
                try:
                    wait_until(right, 60, "the table")
                except AssertionError as error:
                    raise AssertionError(f"{columns}x{rows}: {error}: {said[0]}\n" +
                                         "\n".join(terminal.screen())) from None
                return table_of(terminal.screen())

            table = shown(80, 24)
            wait_until(lambda: re.fullmatch(r"\[=+> *\]", table_of(terminal.screen())[1]), 60, "a bar that grows")
            check("64 here, 0 done, 1 failed, 64 wanted" in table[2], f"counts: {table[2]}")
            check(len(table) == 23, f"{len(table)} lines of 24 are used")
            check(" failed " in table[3], f"not first: {table[3]}")
            check(any(r"(\x1b[2J\x1b[41m" in line for line in terminal.screen("-S", "-", "-J")), "no hostile name")
            check(all(" running " in line for line in table[4:-1]), "\n".join(table))
            print("\n".join(table), flush=True)
            coloured = "\n".join(terminal.screen("-e"))
            failed = next(line for line in coloured.split("\n") if " failed " in re.sub(SGR, "", line))
            check("\x1b[31m" in failed, f"it is not red: {failed!r}")
            check("\x1b" not in re.sub(SGR, "", coloured) and "\x1b[41m" not in coloured and "\x1b[2J" not in coloured,
                  f"what a node says paints: {coloured!r}")
            check("owned" not in terminal.tmux("display-message", "-p", "#{pane_title}"), "it has set the title")

            terminal.resize(40, 10)
            table = shown(40, 10)
            check(len(table) == 9 and " failed " in table[3] and "10.99.0.3 " in table[4], "\n".join(table))
            print("\n".join(table), flush=True)
            for columns, rows in ((80, 10), (30, 24), (132, 43), (80, 24)):
                terminal.resize(columns, rows)
                shown(columns, rows)

            fcntl.flock(gate, fcntl.LOCK_UN)
            for number, client in enumerate(clients):
                status, said = finish(client)
                check(status == (0 if number != NODES - 2 else 1), f"client {number} ended with {status}: {said}")
            terminal.resize(80, 100)
            wait_until(lambda: "63 of 64 nodes done" in terminal.screen(), 60, "the result")
            check(not table_of(terminal.screen()), "the table is left behind")


def no_color_is_a_table_without_colours():
    """As no-color.org has it: colours are left out, and nothing else."""
    with Rack(1) as here, open(here.path("gate"), "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        source, _ = here.source(4)
        command = ["env", "NO_COLOR=1", rack.program("ka-server"), "send", "-s", rack.SESSION, *here.serves(), "-n",
                   "1", "-f", source]
        with Terminal(here, 80, 24, *command) as terminal:
            client = here.client("n1", f"head -c 1000000 > /dev/null; flock -s {here.path('gate')} cat > /dev/null")
            wait_until(lambda: any(re.match(r"10\.99\.0\.3 .* running .*\d%", line) for line in terminal.screen()), 60,
                       "the node's row")
            check(not re.search(SGR, "\n".join(terminal.screen("-e"))), "there are colours")
            fcntl.flock(gate, fcntl.LOCK_UN)
            check(finish(client)[0] == 0, "the client failed")


TESTS = [sixty_four_nodes_in_twenty_four_lines, no_color_is_a_table_without_colours]


if __name__ == "__main__":
    rack.run_tests(TESTS)
