#!/usr/bin/env python3
"""Every message that docs/first-clone.md explains is one that the programs still have.

    messages.py FOLDER
"""
import re
import sys
from pathlib import Path

CODE = ("agent", "base", "net", "server", "wire")


def literals(path):
    """The string literals of a C++ file; those that only blanks stand between are one."""
    text = path.read_text(encoding="utf-8")
    joined = re.sub(r'(?<!\\)"\s*\n\s*"', "", text)
    return [found.replace('\\"', '"') for found in re.findall(r'"((?:[^"\\\n]|\\.)*)"', joined)]


def main():
    top = Path(sys.argv[1])
    said = [one for folder in CODE for path in sorted((top / folder).rglob("*.cpp")) for one in literals(path)]
    rows = re.findall(r"^\| `([^`]+)` \|", (top / "docs/first-clone.md").read_text(encoding="utf-8"), re.M)
    wrong = [f"docs/first-clone.md: no program says: {part}" for row in rows
             for part in filter(None, map(str.strip, row.split("…")))
             if not any(part in one for one in said)]
    print("\n".join(wrong) or f"{len(rows)} messages of docs/first-clone.md are in the sources")
    if wrong or len(rows) < 10:
        sys.exit(1)


main()
