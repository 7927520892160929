#!/usr/bin/env python3
"""Who may include whom, as the tables of rooms in docs/design.md have it, over the #include lines of the tree.

A room inside another ("agent/link") may include what it has in its own row, and what the outer one may of other
folders. Neither rooms nor headers may include in a circle.

    rooms.py FOLDER
"""
import re
import sys
from pathlib import Path

CODE = ("base", "wire", "net", "agent", "server")


def table(design):
    """Room → the rooms and headers that it may include besides its own, all seen from the top."""
    rows = []
    for line in design.read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| (\w[\w-]*(?:/\w+)?)/ \|.*\| ([^|]*) \|$", line)
        if row:
            rows.append((row[1], [word for word in re.split(r"[, ]+", row[2].strip()) if word not in ("", "–")]))
    known = {room for room, _ in rows}
    rooms = {room: set() for room in known}
    for room, words in rows:
        outer = room.split("/")[0]
        for word in words:
            inner = f"{outer}/{word}"
            rooms[room].add(inner if (room_of(inner) if "." in word else inner) in known else word)
    for room in known:
        outer = room.split("/")[0]
        rooms[room] |= {word for word in rooms[outer] if not word.startswith(outer + "/")}
    return rooms


def room_of(name):
    """Of a file or header seen from the top."""
    return name.rpartition("/")[0]


def includes(top, path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if found and room_of(found[1]) and (top / found[1]).is_file():
            yield number, found[1]


def circle(graph):
    """One circle of a graph {name: names}, as the names on it; None if there is none."""
    done, way = set(), []

    def walk(name):
        if name in way:
            return way[way.index(name):] + [name]
        if name in done:
            return None
        way.append(name)
        for other in sorted(graph.get(name, ())):
            if found := walk(other):
                return found
        done.add(way.pop())
        return None

    return next((found for name in sorted(graph) if (found := walk(name))), None)


def main():
    top = Path(sys.argv[1])
    allowed = table(top / "docs/design.md")
    found = [f"docs/design.md: the table of rooms lacks {room}/" for room in CODE if room not in allowed]
    found += [f"docs/design.md: there is no {room}/" for room in sorted(allowed) if not (top / room).is_dir()]
    headers, seen = {}, 0
    for path in sorted(path for room in CODE for path in (top / room).rglob("*.[ch]*")):
        name = str(path.relative_to(top))
        room = room_of(name)
        if room not in allowed:
            found.append(f"{name}: docs/design.md has no room {room}/")
            continue
        headers[name] = []
        for number, header in includes(top, path):
            seen += 1
            headers[name].append(header)
            if room_of(header) != room and room_of(header) not in allowed[room] and header not in allowed[room]:
                found.append(f"{name}:{number}: {room}/ may not include {header} (docs/design.md: it may include"
                             f" {', '.join(sorted(allowed[room])) or 'nothing'})")
    rooms = {room: {room_of(word) if "." in word else word for word in words} for room, words in allowed.items()}
    for graph, what in ((rooms, "docs/design.md: rooms"), (headers, "headers")):
        if way := circle(graph):
            found.append(f"{what} include in a circle: {' → '.join(way)}")
    if seen < 500:
        found.append(f"only {seen} #include lines were found: does this script still look where the code is?")
    print("\n".join(found) or f"{seen} #include lines keep to the tables of docs/design.md")
    sys.exit(1 if found else 0)


main()
