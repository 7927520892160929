#!/usr/bin/env python3
"""The Debian packages in bare Debian 12 and 13: installed with what they depend on and nothing else, upgraded beside an
edited ka.conf, removed and purged; nothing is left behind, nothing is enabled. lintian finds no error. As root.

    packages_test.py BUILD     BUILD/packages holds ka_*.deb and ka-boot_*.deb
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/vm"))
from rack import golden  # noqa: E402

PACKAGES = ("ka", "ka-boot")
# What adduser and deluser keep beside the accounts: the files as they were, and a lock.
ACCOUNTS = {"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "run/adduser"}


class Failed(Exception):
    """The packages are not what they must be."""


def check(fact: object, text: str) -> None:
    if not fact:
        raise Failed(text)


def the_deb(folder: Path, package: str) -> Path:
    (found,) = folder.glob(f"{package}_*_amd64.deb")
    return found


def field(deb: Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "-f", deb, name], check=True, capture_output=True, text=True).stdout.strip()


def make(tree: Path, folder: Path, epoch: str) -> Path:
    """Packages of that tree as of another day."""
    subprocess.run([SOURCE / "packaging/deb", tree, folder], check=True, stdout=subprocess.DEVNULL,
                   env=os.environ | {"SOURCE_DATE_EPOCH": epoch})
    return folder


class Bare:
    """A bare Debian in a folder; its commands run in namespaces of their own."""

    def __init__(self, suite: str, depends: list[str], folder: Path):
        self.root = folder / suite
        key = f"{suite} {depends}"
        system = golden.cached(f"bare-{suite}.tar", key, lambda tar: golden.bootstrap(tar, suite, depends, {}))
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "-xf", system, "--numeric-owner"], check=True)

    def run(self, *command: str, status: int = 0) -> str:
        script = 'mount --make-rprivate / && mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && ' \
                 'exec chroot "$@"'
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh", self.root, *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                                   "LC_ALL": "C.UTF-8"})
        check(done.returncode == status, f"{self.root.name}: {' '.join(command)} ended with {done.returncode}:\n"
                                         f"{done.stdout}")
        return done.stdout

    def install(self, folder: Path, *options: str) -> str:
        for package in PACKAGES:
            shutil.copy(the_deb(folder, package), self.root / f"{package}.deb")
        said = self.run("dpkg", *options, "--install", *(f"/{package}.deb" for package in PACKAGES))
        for package in PACKAGES:
            (self.root / f"{package}.deb").unlink()
        return said

    def files(self) -> set[str]:
        """All that is there, but dpkg's own books and logs."""
        own = re.compile(r"var/(lib/dpkg|log/(dpkg|alternatives)\.log|cache/(ldconfig|debconf|apt))")
        return {name for path in self.root.rglob("*") if not own.match(name := str(path.relative_to(self.root)))}

    def path(self, name: str) -> Path:
        return self.root / name


def see(bare: Bare, folder: Path, later: Path, other: Path) -> None:
    """`later` has the same ka.conf as what is in `folder`, `other` a changed one."""
    before = bare.files()
    bare.install(folder)
    version = field(the_deb(folder, "ka"), "Version")
    said = bare.run("ka-server", "--version")
    check(re.match(r"ka-server \d+\.\d+\.\d+\nBuilt from \S.* by GCC .* with musl \d", said), said)
    check(bare.run("ka-client", "--version").startswith("ka-client "), "ka-client has no version")
    # Nothing here can be cloned: no root on a disk. It says so, in words.
    said = bare.run("ka-server", status=1)
    check(said.startswith("ka-server: ") and "\n" in said and "terminate" not in said, said)
    for file in ("usr/lib/ka/rescue.sqfs", "usr/lib/ka/boot/vmlinuz", "usr/lib/ka/boot/all.rdz",
                 "usr/share/ka/pxe-config/pxe.conf", "etc/ka/ka.conf", "usr/lib/systemd/system/ka-server.service",
                 "etc/ka/boot.conf", "usr/lib/systemd/system/ka-boot.service",
                 "usr/share/bash-completion/completions/ka-server"):
        check(bare.path(file).stat().st_size > 0, f"{file} was not installed")
    check(bare.path("etc/ka/hooks.d").is_dir(), "there is no hooks.d")
    enabled = [name for name in bare.files() - before if ".wants/" in name or name.startswith("etc/init.d")]
    check(not enabled, f"installing has enabled {enabled}")
    # Their digests are right; pages and documents are left out of a bare system.
    wrong = [line for line in bare.run("dpkg", "--verify", *PACKAGES).splitlines()
             if not re.match(r"(missing|\S+) +/usr/share/(doc|man)/", line)]
    check(not wrong, f"dpkg --verify says {wrong}")

    check("\nka:" in bare.path("etc/passwd").read_text(), "there is no user ka")

    # What the operator wrote stays, and nobody is asked: there is nobody on standard input.
    conf = bare.path("etc/ka/ka.conf")
    conf.write_text(conf.read_text() + "nodes = 7\n")
    edited = conf.read_text()
    bare.install(later)
    check(bare.run("dpkg-query", "-W", "-f", "${Version}", "ka") != version, "that was no upgrade")
    check(conf.read_text() == edited, "an upgrade took the edited ka.conf")
    bare.install(other, "--force-confdef", "--force-confold")
    check(conf.read_text() == edited, "an upgrade with another ka.conf took the edited one")
    check("# of another version" in conf.with_name("ka.conf.dpkg-dist").read_text(), "the new ka.conf is not beside it")

    bare.run("dpkg", "--remove", "ka", "ka-boot")
    check(conf.read_text() == edited, "remove took ka.conf")
    left = {name for name in bare.files() - before - ACCOUNTS if not bare.path(name).is_dir()}
    check(left == {"etc/ka/ka.conf", "etc/ka/ka.conf.dpkg-dist", "etc/ka/boot.conf"}, f"remove left {sorted(left)}")
    bare.path("var/log/ka").mkdir()
    bare.path("var/log/ka/ka.warnings").write_text("tar: ...\n")
    bare.run("dpkg", "--purge", *PACKAGES)
    after = bare.files() - (ACCOUNTS - before)
    check(after == before, f"purge left {sorted(after - before)}, took {sorted(before - after)}")
    check("\nka:" not in bare.path("etc/passwd").read_text(), "purge left the user ka")


def lintian(folder: Path) -> None:
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0",
                           *(the_deb(folder, package) for package in PACKAGES)], capture_output=True, text=True)
    print(done.stdout + done.stderr, end="")
    check(done.returncode == 0, "lintian found errors")


def main() -> None:
    build = Path(sys.argv[1]).resolve()
    folder = build / "packages"
    lintian(folder)
    depends = field(the_deb(folder, "ka"), "Depends").split(", ")
    with tempfile.TemporaryDirectory(prefix="ka-packages.", dir=folder) as name:
        work = Path(name)
        os.chmod(work, 0o755)
        now = subprocess.run([SOURCE / "packaging/version", "--epoch"], check=True, capture_output=True, text=True)
        earlier, later = (str(int(now.stdout) + days * 86400) for days in (-2, 2))
        subprocess.run([SOURCE / "packaging/tree", build, work / "tree"], check=True)
        old = make(work / "tree", work / "old", earlier)
        conf = work / "tree/etc/ka/ka.conf"
        conf.write_text("# of another version\n" + conf.read_text())
        other = make(work / "tree", work / "other", later)
        for suite in ("bookworm", "trixie"):
            see(Bare(suite, depends, work), old, folder, other)
            print(f"{suite}: installed, upgraded twice beside an edited ka.conf, removed, purged; nothing is left")


try:
    main()
except Failed as failed:
    sys.exit(f"FAILED: {failed}")
