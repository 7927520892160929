#!/usr/bin/env python3
"""clang-tidy with the checks of .clang-tidy over the products' sources, on all processors.

Most of what a source costs is Asio's headers: clang reads them once, and every source begins from there.

    tidy.py SOURCE BUILD [PATH…]     BUILD has a compile_commands.json; PATHs are files or folders in SOURCE, without
                                     any: all sources of the products
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOMS = ("base", "wire", "net", "agent", "server")
PRECOMPILED = "base/asio.h"


def commands(top, build):
    """Source → what its compiler is told of definitions, folders and the language."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = Path(entry["directory"], entry["file"]).resolve()
        if path.suffix == ".cpp" and path.is_relative_to(top) and path.relative_to(top).parts[0] in ROOMS:
            words = shlex.split(entry["command"])
            found[path] = [word for before, word in zip([""] + words, words)
                           if word.startswith(("-D", "-I", "-std=")) or "-isystem" in (word, before)]
    return found


def main():
    top, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    sources = commands(top, build)
    paths = [top / name for name in sys.argv[3:]] or [top]
    wanted = [source for source in sorted(sources) if any(source.is_relative_to(path) for path in paths)]
    if len(sources) < 50:
        sys.exit(f"{build} knows only {len(sources)} sources of the products: configure it again")
    with tempfile.TemporaryDirectory() as folder:
        precompiled = str(Path(folder, "asio.pch"))
        subprocess.run(["clang++", *sources[wanted[0]], "-x", "c++-header", top / PRECOMPILED, "-o", precompiled],
                       check=True)

        def check(path):
            # wire/ does not know Asio; <netinet/tcp.h>, which Asio includes, and <linux/tcp.h> exclude each other.
            alone = path.is_relative_to(top / "wire") or path.name == "tcp_busy.cpp"
            words = sources[path] + ([] if alone else ["-include-pch", precompiled])
            ended = subprocess.run(["clang-tidy", "--quiet", str(path), "--", "-Wno-everything", *words], cwd=top,
                                   capture_output=True, text=True)
            said = ended.stdout.strip()
            return "" if ended.returncode == 0 and not said else said or ended.stderr.strip()

        with ThreadPoolExecutor(os.cpu_count()) as workers:
            found = [said for said in workers.map(check, wanted) if said]
    print("\n".join(found) or f"clang-tidy has nothing to say of {len(wanted)} sources")
    sys.exit(1 if found else 0)


main()
