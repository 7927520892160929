#!/usr/bin/env python3
"""rack.compare sees each kind of difference: a comparison that misses one would make the main test worthless."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import awkward, compare  # noqa: E402


class Compare(unittest.TestCase):
    def setUp(self):
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory(dir="/var/tmp")))
        self.golden, self.clone = self.place / "golden", self.place / "clone"
        self.golden.mkdir()
        awkward.populate(self.golden)
        # Not tar, which the clone uses.
        subprocess.run(["cp", "--archive", "--sparse=always", self.golden, self.clone], check=True)
        self.original = compare.Tree.read(self.golden)

    def differences(self):
        return compare.differences(self.original, compare.Tree.read(self.clone))

    def test_a_faithful_copy_does_not_differ(self):
        self.assertEqual(self.differences(), [])

    def test_each_change_is_seen(self):
        place = self.clone / "srv/awkward"
        # Not Path.rglob: that of Python 3.11.2 gives up at a link whose target is too long a name.
        keep_time = {Path(folder, name): os.lstat(os.path.join(folder, name)).st_mtime_ns
                     for folder, folders, files in os.walk(self.clone) for name in folders + files}
        changes = {
            "modes/mode-4755": lambda path: os.chmod(path, 0o755),
            "modes/mode-400": lambda path: os.chown(path, 0, 0),
            "times/nanoseconds": lambda path: os.utime(path, ns=(0, 1_200_000_000_123_456_788)),
            "times/old-directory": lambda path: os.utime(path),
            "sparse/hole-first": lambda path: self._poke(path, 5),
            "attributes/user": lambda path: os.removexattr(path, "user.empty"),
            "attributes/trusted": lambda path: os.setxattr(path, "trusted.ka", b"other"),
            "attributes/acl": lambda path: subprocess.run(["setfacl", "-m", "u:1234:r", path], check=True),
            "attributes/acl-directory": lambda path: subprocess.run(["setfacl", "-k", path], check=True),
            "attributes/capable": lambda path: subprocess.run(["setcap", "-r", path], check=True),
            "attributes/binary": lambda path: subprocess.run(["chattr", "+d", path], check=True),
            "kinds/null": lambda path: self._again(path, lambda: os.mknod(path, 0o20666, os.makedev(1, 5))),
            "kinds/fifo": lambda path: self._again(path, path.touch),
            "kinds/socket": os.unlink,
            "links/many/250": lambda path: self._again(path, lambda: shutil.copy2(place / "links/many/0", path)),
            "names/dangling": lambda path: self._again(path, lambda: path.symlink_to("elsewhere")),
            "names/*": os.unlink,
            "sparse/only-a-hole": lambda path: path.write_bytes(bytes(64 << 20)),
        }
        for name, change in changes.items():
            change(place / name)
            if "times" not in name and os.path.lexists(place / name):
                os.utime(place / name, ns=(0, keep_time[place / name]), follow_symlinks=False)
        seen = {path.decode() for path, _ in self.differences()}
        missed = [name for name in changes if f"srv/awkward/{name}" not in seen]
        self.assertEqual(missed, [])

    def test_an_additional_file_is_seen(self):
        (self.clone / "srv/awkward/more").touch()
        self.assertIn((b"srv/awkward/more", "is on the clone only"), self.differences())

    @staticmethod
    def _poke(path: Path, position: int) -> None:
        with path.open("r+b") as file:
            file.seek(position)
            file.write(b"!")

    @staticmethod
    def _again(path: Path, make) -> None:
        path.unlink()
        make()


if __name__ == "__main__":
    unittest.main(verbosity=2)
