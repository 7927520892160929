"""File systems beside the root of the tiny golden machine: made here by the programs of stage2, filled and compared by
the machines themselves, since this machine's kernel need not know them."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .console import Console
from .disk import Partition
from .sandbox import run

DATA = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"  # what Windows calls a partition of data
STAGE2 = Path(__file__).resolve().parents[3] / "build/rescue.sqfs"


@dataclass(frozen=True)
class Content:
    file_system: str  # as mount(8) calls it
    point: str
    mib: int
    uuid: str
    make_argv: tuple[str, ...]  # before the name of the file, whose size is the partition's
    type: str = "L"  # sfdisk's
    options: str = "defaults"
    then: tuple[str, ...] = ()  # another program, likewise
    keeps: tuple[str, ...] = ("owners", "flags")  # flags: of chattr(1)

    def make(self, image: Path, partition: Partition) -> None:
        made = image.with_suffix(".content")
        with made.open("wb") as file:
            file.truncate(partition.size)
        for argv in filter(None, (self.make_argv, self.then)):
            in_stage2(*argv, folder=made.parent, file=made.name)
        run("dd", f"if={made}", f"of={image}", "bs=1M", "conv=notrunc,sparse", "oflag=seek_bytes",
            f"seek={partition.offset}")
        made.unlink()

    def fill(self, console: Console) -> None:
        """Files with what they can have there; typed at the machine's prompt."""
        commands = [f"cd {self.point}", "mkdir -p deep/er/still empty", "dd if=/dev/urandom of=random bs=64k count=20",
                    "cp /bin/busybox deep/er/still/program", "echo text > 'a name with blanks'", ": > nothing",
                    "for i in $(seq 1 60); do echo $i > deep/file$i; done", "touch -d '2001-02-03 04:05:06' deep/er"]
        if "owners" in self.keeps:
            commands += ["ln random deep/link", "ln -s /nowhere symlink", "mknod node c 1 3", "chown 1234:567 nothing",
                         "chmod 4711 nothing", "dd if=/dev/zero of=holes bs=1 count=1 seek=3000000"]
        if "flags" in self.keeps:
            commands.append("chattr +A deep/file7 deep/er")
        for command in commands:
            status, output = console.command(f"{command} 2>/dev/null")
            if status:
                raise RuntimeError(f"{command} on {self.file_system}: {output}")
        console.command("cd; sync")

    def digest(self, console: Console) -> str:
        return digest(console, self.point, ".")


_LISTING = ("find {found} -xdev -mindepth 1 -exec stat -c '%n %f %u %g %h %Y' {{}} + | grep -v lost.found | sort; "
            "find {found} -xdev -type f -exec lsattr -d {{}} + 2>&1 | sort; "
            "find {found} -xdev -type f -exec sha256sum {{}} + | sort")


def digest(console: Console, folder: str, *paths: str) -> str:
    """Of all files there: names, kinds, modes, owners, links, times, flags, contents."""
    return re.search(r"[0-9a-f]{64}", _list(console, folder, paths, " | sha256sum")).group()


def listing(console: Console, folder: str, *paths: str) -> list[str]:
    """The same in lines, to see what differs."""
    return _list(console, folder, paths, "").splitlines()


def _list(console: Console, folder: str, paths: tuple[str, ...], then: str) -> str:
    status, output = console.command(f"cd {folder} && ({_LISTING.format(found=' '.join(paths))}){then}; cd", limit=400)
    if status:
        raise RuntimeError(f"{folder}: {output}")
    return output


def in_stage2(*argv: str, folder: Path, file: str) -> None:
    """A program of stage2 on a file."""
    root = folder / "stage2"
    root.mkdir(exist_ok=True)
    script = ('mount -t squashfs -o ro,loop "$1" "$2" && mount --bind "$3" "$2/tmp" && mount --bind /dev "$2/dev" && '
              'mount -t proc proc "$2/proc" || exit; root=$2; shift 3; exec chroot "$root" "$@"')
    subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", STAGE2, root, folder, *argv, f"/tmp/{file}"], check=True,
                   stdout=subprocess.DEVNULL)


def size_mib(kinds: tuple[Content, ...]) -> int:
    return sum(content.mib for content in kinds)


# None as the newest program of its kind would make it.
KINDS = (
    Content("xfs", "/srv/xfs", 320, "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a01",
            ("mkfs.xfs", "-q", "-m", "bigtime=0,inobtcount=0,reflink=0,uuid=0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a01", "-i",
             "size=1024", "-n", "size=8192", "-L", "files"), options="prjquota"),
    Content("vfat", "/srv/fat", 34, "7A1C-99E2",
            ("mkfs.fat", "-F", "32", "-s", "1", "-i", "7A1C99E2", "-n", "DATA"), type=DATA, keeps=()),
    Content("jfs", "/srv/jfs", 20, "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a02", ("mkfs.jfs", "-q", "-L", "journal"),
            then=("jfs_tune", "-U", "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a02")),
    Content("reiserfs", "/srv/reiser", 40, "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a03",
            ("mkreiserfs", "-q", "-f", "-f", "-h", "tea", "-l", "tree", "-u", "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a03"),
            keeps=("owners",)),
    Content("f2fs", "/srv/f2fs", 70, "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a04",
            ("mkfs.f2fs", "-q", "-f", "-l", "flash", "-U", "0e9f2a5c-2a7c-4a53-9f0e-6f0a5f6f0a04", "-O",
             "extra_attr,inode_checksum,compression")),
    Content("exfat", "/srv/exfat", 12, "7A1C-99E3", ("mkfs.exfat", "-c", "8K", "-L", "stick"), type=DATA,
            then=("tune.exfat", "-I", "0x7A1C99E3"), keeps=()),
)
MODULES = ("crc32_generic", "xfs", "vfat", "jfs", "reiserfs", "f2fs", "exfat", "nls_cp437", "nls_ascii", "nls_utf8")


def root(kind: str, identity: str) -> Content:
    """A root file system of a kind that GRUB reads and the kernel here does not, with little that is not its own."""
    argv, then = {
        "jfs": (("mkfs.jfs", "-q", "-L", "tiny-root"), ("jfs_tune", "-U", identity)),
        "reiserfs": (("mkreiserfs", "-q", "-f", "-f", "-l", "tiny-root", "-u", identity), ()),
        "f2fs": (("mkfs.f2fs", "-q", "-f", "-l", "tiny-root", "-U", identity), ()),
    }[kind]
    return Content(kind, "/", 0, identity, argv, then=then)
