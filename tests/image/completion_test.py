#!/usr/bin/env python3
"""Completion in real shells: bash, zsh and fish on a terminal of this test's own; what stands before a Tab becomes what
the programs take.

    completion_test.py SOURCE BUILD     BUILD holds musl-static/
"""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

# What is typed, then Tab and Enter; what the program is called with. The folder that the shell is in holds desc.txt,
# and no other file that begins so.
CASES = [
    ("ka-server --pxe-v", "--pxe-values"),
    ("ka-server -z a", "-z auto"),
    ("ka-server --boot-order pxe", "--boot-order pxe-first"),
    ("ka-server -i l", "-i lo"),
    ("ka-server --json des", "--json desc.txt"),
    ("ka-server pxe-d", "pxe-default"),
    ("ka-server pxe-default kam", "pxe-default kamethod"),
    ("ka-server send --warning", "send --warning-status"),
    ("ka-server send -f des", "send -f desc.txt"),
    ("ka-server -p sda des", "-p sda desc.txt"),
    ("ka-client --inter", "--interface"),
    ("ka-client -o des", "-o desc.txt"),
]
# How a shell is started without its user's files, and how it is told of a function in a program's place.
FUNCTION = '{name}() {{ echo "go"t:"$*"; }}'
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ["source bash.ka-server", "source bash.ka-client"], FUNCTION),
    "zsh": (["zsh", "-f", "-i"], ["fpath=($PWD/zsh $fpath)", "autoload -U compinit", "compinit -u -D"], FUNCTION),
    "fish": (["fish", "--no-config", "-i"], ["source fish.ka-server", "source fish.ka-client"],
             'function {name}; echo "go"t:"$argv"; end'),
}
# fish asks by word or by place: a value that is the second of its option is an operand to it.
NOT_IN = {"fish": {"ka-server -p sda des"}}


class Terminal:
    def __init__(self, command: list[str], folder: Path):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm",
                                             "LC_ALL": "C.UTF-8", "PS1": "$ "})

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait(self, pattern: str) -> re.Match:
        """Until the shell has written it; a minute without a byte is a shell that hangs."""
        while not (found := re.search(pattern, self.text)):
            if not select.select([self.fd], [], [], 60)[0]:
                sys.exit(f"FAILED: {pattern} did not come; the last lines:\n{self.text[-2000:]}")
            self.text += os.read(self.fd, 4096).decode(errors="replace")
        self.text = self.text[found.end():]
        return found

    def close(self) -> None:
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def main() -> None:
    source, build = (Path(argument).resolve() for argument in sys.argv[1:])
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "desc.txt").touch()
        (folder / "zsh").mkdir()
        for shell, (command, setup, function) in SHELLS.items():
            for program in ("server/ka-server", "agent/ka-client"):
                called = Path(program).name
                file = folder / (f"zsh/_{called}" if shell == "zsh" else f"{shell}.{called}")
                with file.open("w") as made:
                    subprocess.run([source / "packaging/completion", shell, build / "musl-static" / program],
                                   check=True, stdout=made)
            terminal = Terminal(command, folder)
            for line in setup + [function.format(name=called) for called in ("ka-server", "ka-client")]:
                terminal.type(line + "\n")
            for typed, expected in CASES:
                if typed in NOT_IN.get(shell, ()):
                    continue
                terminal.type(typed + "\t\n")
                got = terminal.wait(r"got:([^\r\n]*)\r?\n")[1].strip()
                if got != expected:
                    wrong.append(f"{shell}: {typed}<Tab> became {got!r}, not {expected!r}")
            terminal.close()
    print("\n".join(wrong) or f"{len(CASES)} completions in {', '.join(SHELLS)}")
    sys.exit(1 if wrong else 0)


main()
