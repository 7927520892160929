"""Files that copying tools get wrong, made inside a golden tree."""

import os
import random
import socket
import stat
import subprocess
from pathlib import Path

GIB = 1 << 30


def populate(root: Path, seed: int = 2007) -> None:
    """Makes srv/awkward and var/lib/awkward (on another file system), and srv/excluded, below `root`."""
    source = random.Random(seed)
    for place in (root / "srv/awkward", root / "var/lib/awkward"):
        place.mkdir(parents=True)
        _sparse(place / "sparse", source)
        _hard_links(place / "links", source)
        _names(place / "names")
        _kinds(place / "kinds")
        _modes(place / "modes")
        _attributes(place / "attributes")
        _times(place / "times")
        _deep(place / "deep")
    (root / "srv/huge").mkdir()
    _write_at(root / "srv/huge/nine-gigabytes-apparent", 9 * GIB, {4096: b"near the start", 9 * GIB - 5: b"end."})
    (root / "srv/huge/random").write_bytes(source.randbytes(12 << 20))
    _excluded(root / "srv/excluded")


def flag(root: Path) -> None:
    """Flags of chattr(1) below srv/awkward-flags; on ext4 only. An immutable file can be removed by nobody: apart."""
    place = root / "srv/awkward-flags"
    (place / "directory").mkdir(parents=True)
    for flags in ("i", "a", "d", "A", "S", "c", "s", "u", "iAd"):
        (place / f"file-{flags}").write_text(flags)
        _checked("chattr", "+" + flags, place / f"file-{flags}")
    (place / "directory/inside").write_text("an immutable directory's file\n")
    for flags in ("D", "T", "A", "i"):
        _checked("chattr", "+" + flags, place / "directory")


def _write_at(path: Path, size: int, pieces: dict[int, bytes]) -> None:
    with path.open("wb") as file:
        for position, data in pieces.items():
            os.pwrite(file.fileno(), data, position)
        file.truncate(size)


def _sparse(place: Path, source: random.Random) -> None:
    place.mkdir()
    _write_at(place / "only-a-hole", 64 << 20, {})
    _write_at(place / "hole-first", 32 << 20, {(32 << 20) - 4096: source.randbytes(4096)})
    _write_at(place / "hole-last", 32 << 20, {0: source.randbytes(4096)})
    _write_at(place / "five-hundred-pieces", 500 << 16, {n << 16: source.randbytes(4096) for n in range(500)})
    (place / "written-zeros").write_bytes(bytes(1 << 20))
    (place / "empty").touch()


def _hard_links(place: Path, source: random.Random) -> None:
    place.mkdir()
    (place / "first").write_bytes(source.randbytes(10_000))
    (place / "other-directory").mkdir()
    os.link(place / "first", place / "other-directory/second")
    (place / "many").mkdir()
    (place / "many/0").write_text("one of 500 names\n")
    for n in range(1, 500):
        os.link(place / "many/0", place / f"many/{n}")
    os.symlink("nowhere", place / "symlink")
    os.link(place / "symlink", place / "symlink-again", follow_symlinks=False)


def _names(place: Path) -> None:
    place.mkdir()
    base = os.fsencode(place)
    names = [b"n" * 255, "ä".encode() * 127, b"\xff\xfe not UTF-8 \x80", b"new\nline", b"tab\there", b"back\\slash",
             b"-rf", b"--exclude=x", b" blank first", b"blank last ", b"*", b"?", b"[a-z]", b"quote'\"`$(reboot)",
             b"%s%n", b"...", b"~", b"#", b"\x01\x1b[31m", b".hidden", b"C:\\AUX", b"e\xcc\x81", b"\xc3\xa9"]
    for name in names:
        Path(os.fsdecode(base + b"/" + name)).write_bytes(name)
    os.mkdir(base + b"/dir \xe9\xe8")
    Path(os.fsdecode(base + b"/dir \xe9\xe8/inside")).write_text("in a directory that is no UTF-8\n")
    os.symlink(b"\xff\xfe not UTF-8 \x80", base + b"/link to no UTF-8")
    os.symlink(b"t" * 1000, base + b"/link of a thousand bytes")
    os.symlink("/absolute/and/dangling", base + b"/dangling")


def _kinds(place: Path) -> None:
    place.mkdir()
    os.mkfifo(place / "fifo", 0o620)
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(place, os.O_DIRECTORY)  # a socket's path is limited to 107 bytes
    listener.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)
    listener.close()
    os.chmod(place / "socket", 0o666)
    os.chown(place / "socket", 33, 33)
    os.mknod(place / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(place / "large-numbers", 0o600 | stat.S_IFBLK, os.makedev(259, 70_000))
    (place / "empty-directory").mkdir()
    (place / "empty-directory-2755").mkdir()
    os.chmod(place / "empty-directory-2755", 0o2755)


def _modes(place: Path) -> None:
    place.mkdir()
    for mode in (0o0, 0o400, 0o777, 0o4755, 0o2755, 0o6711, 0o1644):
        file = place / f"mode-{mode:o}"
        file.write_text("x")
        os.chown(file, 1000 + mode, 4_000_000_000)
        os.chmod(file, mode)  # after chown, which takes setuid away
    for mode in (0o1777, 0o3770, 0o0, 0o500):
        (place / f"directory-{mode:o}").mkdir()
        (place / f"directory-{mode:o}/file").write_text("in a directory nobody may write to\n")
        os.chmod(place / f"directory-{mode:o}", mode)


def _attributes(place: Path) -> None:
    place.mkdir()
    for name in ("user", "binary", "trusted", "acl", "capable"):
        (place / name).write_text(name)
    os.setxattr(place / "user", "user.comment", "schön".encode())
    os.setxattr(place / "user", "user.empty", b"")
    os.setxattr(place / "binary", "user.bytes", bytes(range(256)))
    os.setxattr(place / "trusted", "trusted.ka", b"only root sees this")
    (place / "directory").mkdir()
    os.setxattr(place / "directory", "user.on.a.directory", b"yes")
    _checked("setfacl", "-m", "u:1234:rw,g:4321:r,m::rw", place / "acl")
    (place / "acl-directory").mkdir()
    _checked("setfacl", "-m", "u:1234:rwx,d:u:1234:rwx,d:g::r-x,d:o::---", place / "acl-directory")
    (place / "acl-directory/inherited").write_text("x")
    (place / "acl-directory/without").write_text("its directory has a default ACL, it has none")
    _checked("setfacl", "-b", place / "acl-directory/without")
    (place / "acl-of-a-named-group").write_text("adm is a name that stage2 need not know")
    _checked("setfacl", "-m", "g:adm:r", place / "acl-of-a-named-group")
    _checked("setcap", "cap_net_raw,cap_net_bind_service+ep", place / "capable")


def _times(place: Path) -> None:
    place.mkdir()
    second = 10**9
    times = {"nanoseconds": 1_200_000_000 * second + 123_456_789, "epoch": 0, "before-1970": -86_400 * second,
             "before-1970-and-a-half": -3 * second + second // 2, "in-2100": 4_102_444_800 * second + 1}
    for name, when in times.items():
        (place / name).write_text(name)
        os.utime(place / name, ns=(when, when))
    os.symlink("epoch", place / "old-symlink")
    os.utime(place / "old-symlink", ns=(7 * second, 7 * second), follow_symlinks=False)
    (place / "old-directory").mkdir()
    (place / "old-directory/file").write_text("x")
    os.utime(place / "old-directory", ns=(11 * second + 13, 11 * second + 13))


def _deep(place: Path) -> None:
    deepest = place.joinpath(*(f"level-{n:03d}" for n in range(120)))
    deepest.mkdir(parents=True)
    (deepest / "bottom").write_text("a path longer than tar's old formats can name\n")


def _excluded(place: Path) -> None:
    place.mkdir()
    (place / "not-for-clones").write_text("must not be on a clone\n")
    (place / "below").mkdir()
    (place / "below/neither").write_text("must not be on a clone\n")
    os.chown(place, 1000, 1001)
    os.chmod(place, 0o2750)
    os.utime(place, ns=(10**18 + 5, 10**18 + 5))


def _checked(*command) -> None:
    subprocess.run([os.fspath(word) for word in command], check=True)
