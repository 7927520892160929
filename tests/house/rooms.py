#!/usr/bin/env python3
"""Who may include whom, as the table of rooms in docs/design.md has it, over the #include lines of the tree.

    rooms.py FOLDER
"""
import re
import sys
from pathlib import Path


def table(design):
    """Room → the rooms and headers that it may include besides its own."""
    rooms = {}
    for line in design.read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| (\w[\w-]*)/ \|.*\| ([^|]*) \|$", line)
        if row:
            rooms[row[1]] = [word for word in re.split(r"[, ]+", row[2].strip()) if word not in ("", "–")]
    return rooms


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*[<"]((\w+)/[^>"]+)[>"]', line)
        if found:
            yield number, found[1], found[2]


def main():
    top = Path(sys.argv[1])
    allowed = table(top / "docs/design.md")
    code = [room for room in ("base", "wire", "net", "agent", "server") if room in allowed]
    found = [] if len(code) == 5 else ["docs/design.md: the table of rooms lacks base, wire, net, agent or server"]
    seen = 0
    for room in code:
        for path in sorted((top / room).glob("*.[ch]*")):
            for number, header, other in includes(path):
                seen += 1
                if other not in allowed or other == room or other in allowed[room] or header in allowed[room]:
                    continue
                found.append(f"{path.relative_to(top)}:{number}: {room}/ may not include {header}"
                             f" (docs/design.md: it may include {', '.join(allowed[room]) or 'nothing'})")
    if seen < 100:
        found.append(f"only {seen} #include lines were found: does this script still look where the code is?")
    print("\n".join(found) or f"{seen} #include lines keep to the table of docs/design.md")
    sys.exit(1 if found else 0)


main()
