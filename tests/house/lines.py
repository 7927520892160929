#!/usr/bin/env python3
"""No line of any text file of the tree is longer than 120 columns or has blanks at its end.

What cannot be broken may be longer: rows of Markdown tables, the kernel command lines of boot menus, and lines that are
one word (an address, a digest). Recorded bytes (folders named corpus or recorded) are nobody's prose.

    lines.py FOLDER
"""
import re
import sys
from pathlib import Path

COLUMNS = 120
LEFT_OUT = {".git", "build", "__pycache__", "corpus", "recorded"}


def text_files(folder):
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT or path.is_symlink():
            continue
        if path.is_dir():
            yield from text_files(path)
        else:
            yield path


def may_be_longer(path, line):
    return (path.suffix == ".md" and line.startswith("|")
            or re.match(r"\s*APPEND ", line) is not None
            or len(line.split()) <= 1)


def faults(path):
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "the last line does not end"
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS and not may_be_longer(path, line):
            yield number, f"{len(line)} columns, more than {COLUMNS}"
        if line != line.rstrip():
            yield number, "blanks at the end of the line"


def main():
    top = Path(sys.argv[1])
    found = [f"{path.relative_to(top)}:{number}: {what}" for path in text_files(top) for number, what in faults(path)]
    print("\n".join(found) or "every line of every file is fine")
    sys.exit(1 if found else 0)


main()
