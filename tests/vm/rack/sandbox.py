"""The place a rack lives in: its own network, mount and PID namespaces.

Whatever ends this program (a failure, Ctrl-C, SIGKILL, a test's time limit), the kernel then ends every process in the
PID namespace and with them go the machines, the servers, the bridge, the taps and the mounts. Nothing has to be
cleaned up, so nothing can be forgotten; and as no interface of this machine is inside, no packet can get out.
Any number of racks can stand side by side.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_MARK = "KA_RACK_SANDBOX"


class CommandFailed(Exception):
    """A program that should have ended with status 0 did not."""


def inside() -> bool:
    """Whether this program was started again by enter(), and has not called it yet there."""
    return os.environ.get(_MARK) == "inside"


def enter(network: bool = True) -> None:
    """Starts this very program again inside the namespaces; returns only there.

    With network=False this machine's network stays in reach: for building images.
    """
    if not inside():
        if os.geteuid() != 0:
            sys.exit("The virtual rack makes network namespaces and mounts file systems: run it as root.")
        os.environ[_MARK] = "inside"
        wanted = ["--net"] if network else []
        os.execvp("unshare", ["unshare", *wanted, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
                              sys.executable, *sys.orig_argv[1:]])
    del os.environ[_MARK]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    if network:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "rack", "/run")


def run(*command, input: bytes | None = None, cwd: Path | None = None) -> str:
    """Runs a program to its end and returns its standard output; CommandFailed with its words if it fails."""
    return run_bytes(*command, input=input, cwd=cwd).decode(errors="replace")


def run_bytes(*command, input: bytes | None = None, cwd: Path | None = None) -> bytes:
    """As run, for output that is not text."""
    words = [str(word) for word in command]
    ended = subprocess.run(words, input=b"" if input is None else input, cwd=cwd, capture_output=True)
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).decode(errors="replace").strip()
        raise CommandFailed(f"{' '.join(words)} ended with status {ended.returncode}: {said[-2000:]}")
    return ended.stdout


def need(*programs: str) -> None:
    """Ends the program, naming what is missing, unless all are installed."""
    unpacked = Path(__file__).resolve().parents[3] / "build" / "unpacked" / "usr" / "sbin"  # by scripts/need
    os.environ["PATH"] = os.environ.get("PATH", "") + f":/usr/local/sbin:/usr/sbin:/sbin:{unpacked}"
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        sys.exit(f"Missing programs: {' '.join(missing)}. scripts/need rack installs their Debian packages.")
