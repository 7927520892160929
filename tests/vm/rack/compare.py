"""Two file trees, every file and everything about it that a copy has to keep."""

import fcntl
import hashlib
import os
import stat
import struct
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = 4096
_READ = 256 * _BLOCK
_FS_IOC_GETFLAGS = 0x80086601
_CHATTR = 0x2283c4ff  # flags that somebody sets; others are the file system's own


@dataclass
class Entry:
    """What is compared of one file. Links to one inode share a `group`: the sorted names of all of them."""
    kind: str
    mode: int
    owner: tuple[int, int]
    mtime: int  # nanoseconds
    size: int = 0
    content: str = ""  # digest of a file, target of a symbolic link, numbers of a device
    group: tuple[bytes, ...] = ()
    attributes: tuple = ()  # extended ones, among them ACLs (system.posix_acl_*) and capabilities (security.capability)
    flags: int = 0  # of chattr(1)
    allocated: int = 0  # bytes of data, holes left out

    def differences(self, other: "Entry") -> list[str]:
        found = []
        for name in ("kind", "mode", "owner", "mtime", "size", "content", "group", "attributes", "flags"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                shown = (f"{ours:o}", f"{theirs:o}") if name == "mode" else (ours, theirs)
                found.append(f"{name}: golden {str(shown[0])[:300]}, clone {str(shown[1])[:300]}")
        # A hole may be kept in larger or smaller blocks, but a sparse file must not have become a solid one.
        if other.allocated > self.allocated + max(64 * 1024, self.allocated // 10):
            found.append(f"allocated: golden {self.allocated} bytes, clone {other.allocated}")
        return found


@dataclass
class Tree:
    """All entries below a directory by path (bytes, without the leading slash); symbolic links are not followed."""
    entries: dict[bytes, Entry] = field(default_factory=dict)

    @staticmethod
    def read(root: Path, skip=lambda path: False) -> "Tree":
        """`skip(path)` leaves out a path and all below it."""
        tree = Tree()
        links: dict[tuple[int, int], list[bytes]] = {}
        base = os.fsencode(root)
        todo = [b""]
        while todo:
            directory = todo.pop()
            for name in os.listdir(base + b"/" + directory):
                path = directory + b"/" + name if directory else name
                if skip(path):
                    continue
                status = os.lstat(base + b"/" + path)
                tree.entries[path] = _entry(base + b"/" + path, status)
                if stat.S_ISDIR(status.st_mode):
                    todo.append(path)
                elif status.st_nlink > 1:
                    links.setdefault((status.st_dev, status.st_ino), []).append(path)
        for names in links.values():
            group = tuple(sorted(names))
            for name in names:
                tree.entries[name].group = group
        tree.entries[b"."] = _entry(base, os.lstat(base))
        return tree


def differences(golden: Tree, clone: Tree) -> list[tuple[bytes, str]]:
    """(path, what differs), sorted by path."""
    found = [(path, "is not on the clone") for path in golden.entries.keys() - clone.entries.keys()]
    found += [(path, "is on the clone only") for path in clone.entries.keys() - golden.entries.keys()]
    for path in golden.entries.keys() & clone.entries.keys():
        found += [(path, what) for what in golden.entries[path].differences(clone.entries[path])]
    return sorted(found)


def _entry(path: bytes, status: os.stat_result) -> Entry:
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "fifo",
            stat.S_IFSOCK: "socket", stat.S_IFBLK: "block device", stat.S_IFCHR: "character device"}[
        stat.S_IFMT(status.st_mode)]
    entry = Entry(kind, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid), status.st_mtime_ns)
    if kind == "file":
        entry.size = status.st_size
        entry.content, entry.allocated = _digest(path, status.st_size)
    elif kind == "symbolic link":
        entry.content = os.fsdecode(os.readlink(path))
    elif kind.endswith("device"):
        entry.content = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if kind in ("file", "directory"):
        entry.flags = _flags(path)
    entry.attributes = tuple((name, os.getxattr(path, name, follow_symlinks=False))
                             for name in sorted(os.listxattr(path, follow_symlinks=False)))
    return entry


def _flags(path: bytes) -> int:
    file = os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_NONBLOCK)
    try:
        return struct.unpack("I", fcntl.ioctl(file, _FS_IOC_GETFLAGS, bytes(8))[:4])[0] & _CHATTR
    except OSError:
        return 0  # this file system has none
    finally:
        os.close(file)


def _digest(path: bytes, size: int) -> tuple[str, int]:
    """Of the content, where blocks of zeros count as holes do, so that it does not matter how the holes lie; and the
    bytes that are allocated. Holes are not read: a file of many gigabytes with nothing in it takes no time."""
    digest = hashlib.blake2b(digest_size=16)
    allocated = position = done = 0
    file = os.open(path, os.O_RDONLY | os.O_NOATIME)
    try:
        while position < size:
            try:
                start = os.lseek(file, position, os.SEEK_DATA)
            except OSError:
                break
            position = os.lseek(file, start, os.SEEK_HOLE)
            allocated += position - start
            done = _add(digest, file, max(done, start - start % _BLOCK), position)
    finally:
        os.close(file)
    return digest.hexdigest(), allocated


def _add(digest, file: int, start: int, end: int) -> int:
    """Adds the whole blocks from `start` until `end` is in; returns where the next one starts."""
    while start < end:
        data = os.pread(file, min(_READ, end - start + -end % _BLOCK), start)
        for at in range(0, len(data), _BLOCK):
            block = data[at:at + _BLOCK]
            if block.count(0) != len(block):
                digest.update(b"%d:" % (start + at))
                digest.update(block)
        start += len(data) + -len(data) % _BLOCK
    return start
