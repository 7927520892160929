#!/usr/bin/env python3
"""Golden disks that are laid out in many ways, each cloned: the same tables, all files equal, and each clone starts
from its own disk, with no boot ROM on its network card. One file below layouts/ is one layout (rack/layouts.py), and
one test of CTest. What came of it is left in build/vm/layouts, from which layouts-page makes docs/layouts.md.

  layout_test.py NAME…
"""

import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import compare, contents, disk, golden, layouts, machine, sandbox, tiny, tiny_btrfs  # noqa: E402
from rack.layouts import Clone  # noqa: E402
from rack.nvram import Nvram  # noqa: E402
from rack.rack import Rack  # noqa: E402
from rack.tiny_clone import AS_IT_IS, ENTRY, TinyGolden  # noqa: E402
from rack.tiny_loaders import LOADERS  # noqa: E402

RESULTS = golden.CACHE / "layouts"
# What no step of a clone changes; under UEFI GRUB's folder neither.
KEPT_FOLDERS = ("usr", "bin", "lib", "srv/data")


class Layout(unittest.TestCase):
    def __init__(self, name: str):
        super().__init__("test")
        self.name = name
        self.module = layouts.load(name)
        self.layout: tiny.Layout = self.module.LAYOUT
        self.nodes: list[tuple[Clone, machine.Machine]] = []

    def __str__(self):
        return self.name

    def setUp(self):
        self.started = time.monotonic()
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.json").unlink(missing_ok=True)
        self.addCleanup(self._leave_result)
        self.result = "failed"
        self.rack = self.enterContext(Rack(f"layout-{self.name}"))

    def _leave_result(self):
        clones = ", ".join(clone.shown for clone in self.module.CLONES)
        found = {"name": self.name, "what": " ".join(self.module.__doc__.split()), "loader": self.layout.loader,
                 "firmware": self.layout.firmware, "clones": clones, "result": self.result,
                 "seconds": round(time.monotonic() - self.started)}
        (RESULTS / f"{self.name}.json").write_text(json.dumps(found) + "\n")

    def test(self):
        self.rack.serve()
        self.golden = TinyGolden(self.rack, self.layout)
        self.golden.start()
        console = self.golden.console
        for content in self.layout.everything_extra:
            content.fill(console)
        before = self._digests(console)
        for number, clone in enumerate(self.module.CLONES, start=1):
            self.nodes.append((clone, self._clone(clone, number)))
        console.type("poweroff\n")
        self.golden.machine.wait_end()
        for clone, node in self.nodes:
            self._assert_equal_disks(clone, node)
            for number, how in enumerate(clone.starts or ("disk",)):
                self._start(node, how)
                if number == 0:
                    self.assertEqual(self._digests(node.console), before)
                    self._assert_subvolumes_mounted(node)
                node.cut_power()
        getattr(self.module, "check", lambda run: None)(self)
        self.result = "cloned, equal, boots"

    def _clone(self, clone: Clone, number: int) -> machine.Machine:
        by_desc = "-p sda /root/desc " if clone.by_desc else ""
        self.golden.serve(1, f"{by_desc}{AS_IT_IS} {LOADERS[self.layout.loader].options} {clone.options}")
        name = f"node{number}"
        disks = [self.rack.blank_disk(name, self.layout.size_mib + clone.grow, clone.controller)]
        disks[0].sector = clone.sector
        if self.layout.second:
            disks.append(self.rack.blank_disk(f"{name}b", self.layout.second.size_mib, clone.controller))
        node = self.rack.machine(name, number, disks=disks, memory=max(clone.memory, 512 if self.layout.esp else 0),
                                 firmware=clone.firmware or self.layout.firmware).start()
        node.console.wait(rf"This clone will boot: {clone.boots}, root sda\d:fs", 400)
        node.console.wait(r"This machine is cloned")
        node.wait_end()
        self.assertEqual(self.golden.exit_status(), 0)
        return node

    def _start(self, node: machine.Machine, how: str) -> None:
        if how == "lost":
            node.reset_nvram()
        elif how == "entry":
            order = Nvram(node.nvram).boot_order()
            self.assertEqual((order[0], order.count(ENTRY)), (ENTRY, 1))
        node.start("disk" if how == "disk" else "nvram")
        if how != "disk":
            node.console.wait(rf'starting Boot\w+ "{ENTRY}" from HD\(1,GPT' if how == "entry" else
                              r'starting Boot\w+ "UEFI ')
        node.wait_up()
        if node.firmware == "secure-boot":
            self.assertIn("Secure boot enabled", node.console.command("dmesg | grep 'Secure boot'")[1])

    # What the machines themselves see, of what the kernel here cannot mount.

    def _digests(self, console) -> dict[str, str]:
        found = {content.point: content.digest(console) for content in self.layout.everything_extra}
        if self.layout.root_type not in tiny.MOUNTED_HERE:
            found["/"] = contents.digest(console, "/", *KEPT_FOLDERS)
        return found

    def _assert_subvolumes_mounted(self, node: machine.Machine) -> None:
        if subvolumes := self.layout.subvolumes:
            mounted = node.console.command("cat /proc/mounts")[1]
            for subvolume, point in {subvolumes.root: "/", **subvolumes.mounts}.items():
                self.assertRegex(mounted, rf" {point} btrfs \S*subvol=/{subvolume}\b")

    # What is on the disks of machines that are off.

    def _assert_equal_disks(self, clone: Clone, node: machine.Machine) -> None:
        pairs = [(self.golden.machine.disks[0].path, node.disks[0].path)]
        if self.layout.second:
            pairs.append((self.golden.machine.disks[2].path, node.disks[1].path))
        for ours, theirs in pairs:
            self._assert_same_table(ours, theirs)
            self.assertEqual(*([(p.uuid, p.label, p.file_system) for p in disk.partitions(image)]
                               for image in (ours, theirs)))
        ours, theirs = pairs[0]
        self.assertEqual(disk.sector_of(theirs), clone.sector)
        if clone.grow > 16 and not clone.by_desc and clone.sector == self.layout.sector:
            self._assert_filled(ours, theirs)
        if self.layout.subvolumes:
            self._assert_same_btrfs(ours, theirs)
        elif self.layout.root_type in tiny.MOUNTED_HERE:
            self._assert_same_files(ours, theirs)
        if self.layout.boot:
            self._assert_same_boot(ours, theirs)
        if self.layout.esp:
            self._assert_same_esp(ours, theirs)

    def _assert_same_table(self, ours: Path, theirs: Path) -> None:
        kept = ("type", "uuid", "name", "attrs", "bootable")
        golden, clone = (disk.table(image) for image in (ours, theirs))
        for field in ("label", "id"):
            self.assertEqual(golden[field], clone[field])
        self.assertEqual(*([{name: p.get(name) for name in kept} for p in one["partitions"]]
                           for one in (golden, clone)))

    def _assert_filled(self, ours: Path, theirs: Path) -> None:
        """As it is: all in its place, and what lies last uses the larger disk."""
        golden, clone = (sorted(disk.table(image)["partitions"], key=lambda p: p["start"]) for image in (ours, theirs))
        self.assertEqual([p["start"] for p in golden], [p["start"] for p in clone])
        self.assertGreater(clone[-1]["size"], golden[-1]["size"])

    def _assert_same_files(self, ours: Path, theirs: Path) -> None:
        folders = KEPT_FOLDERS + (("boot/grub",) if self.layout.esp and self.layout.loader == "shim" else ())
        self._assert_same_trees(*(self._read_folders(image, self.layout.mounts, folders) for image in (ours, theirs)))

    def _assert_same_boot(self, ours: Path, theirs: Path) -> None:
        trees = []
        for image in (ours, theirs):
            with disk.mounted(image, {self.layout.boot: "/"}, self.rack.directory / "mnt") as boot:
                # grub-install writes into its own folder.
                trees.append(compare.Tree.read(boot, lambda path: path in (b"grub", b"lost+found")))
                trees[-1].entries.pop(b".")
        self.assertEqual(compare.differences(*trees), [])

    def _read_folders(self, image: Path, mounts: dict[int, str], folders: tuple[str, ...]) -> list[compare.Tree]:
        with disk.mounted(image, mounts, self.rack.directory / "mnt", True) as root:
            return [compare.Tree.read(root / folder) for folder in folders]

    def _assert_same_trees(self, golden: list[compare.Tree], clone: list[compare.Tree]) -> None:
        self.assertEqual([one for pair in zip(golden, clone, strict=True) for one in compare.differences(*pair)], [])

    def _assert_same_esp(self, ours: Path, theirs: Path) -> None:
        """As files; beside them only what every firmware finds, where the golden machine had nothing."""
        before, after = (self._esp_files(image, name) for image, name in ((ours, "golden"), (theirs, "clone")))
        seed = "loader/random-seed"  # is each machine's own
        if seed in before:
            self.assertNotEqual(before.pop(seed), after.pop(seed, None))
        self.assertEqual({name: after.get(name) for name in before}, before)
        added = {name: data for name, (data, _) in after.items() if name not in before}
        # What the entry names, and what that looks for beside itself.
        removable = {} if "EFI/BOOT/BOOTX64.EFI" in before else {
            "shim": {"BOOTX64.EFI": "EFI/debian/shimx64.efi", "grubx64.efi": "EFI/debian/grubx64.efi"},
            "stub": {}}[self.layout.loader]
        self.assertEqual(added, {f"EFI/BOOT/{name}": before[file][0] for name, file in removable.items()})

    def _esp_files(self, image: Path, name: str) -> dict[str, tuple[bytes, int]]:
        folder = disk.fat_files(image, self.layout.esp, self.rack.directory / f"{name}.esp")
        return {str(file.relative_to(folder)): (file.read_bytes(), int(file.stat().st_mtime))
                for file in folder.rglob("*") if file.is_file()}

    def _assert_same_btrfs(self, ours: Path, theirs: Path) -> None:
        golden, clone = (self._read_btrfs(image) for image in (ours, theirs))
        if snapshot := self.layout.subvolumes.snapshot:
            golden[0].pop(snapshot)
        self.assertEqual(golden[0], clone[0])
        self.assertEqual(compare.differences(golden[1], clone[1]), [])
        self.assertEqual(*(self._btrfs_features(image) for image in (ours, theirs)))
        self.assertNotIn("subvolid", clone[2])

    def _read_btrfs(self, image: Path) -> tuple[dict, compare.Tree, str]:
        """Subvolumes, all files of all of them, fstab."""
        subvolumes = self.layout.subvolumes
        root = subvolumes.root.encode()
        changed = (b"etc", b"boot/grub", b"root/.ash_history", b"var/log", b"srv/excluded", b"usr/sbin/ka-server")

        def skip(path: bytes) -> bool:
            # What the clone's own steps change, and what stays behind.
            return any(path == root + b"/" + name for name in changed) or path == subvolumes.snapshot.encode() or \
                path.startswith(b"@/var/log")

        with tiny_btrfs.top(image, self.layout.root, self.rack.directory / "mnt") as where:
            tree = compare.Tree.read(where, skip)
            # What lies hidden under a mount point is no clone's.
            for point in (*subvolumes.mounts.values(), *(["/boot"] if self.layout.boot else [])):
                tree.entries.pop(root + point.encode())
            return tiny_btrfs.subvolumes(where), tree, (where / subvolumes.root / "etc/fstab").read_text()

    def _btrfs_features(self, image: Path) -> list[str]:
        """Of the superblock: what mkfs.btrfs was told, and the UUID."""
        (partition,) = (one for one in disk.partitions(image) if one.number == self.layout.root)
        with image.open("rb") as file:
            file.seek(partition.offset + 65536)
            super_block = file.read(4096)
        return [super_block[32:48].hex(), super_block[144:152].hex(), super_block[180:198].hex(),
                super_block[299:555].hex()]


if __name__ == "__main__":
    chosen = sys.argv[1:] or layouts.names()
    golden.prepare(*chosen)
    sandbox.enter()
    sandbox.need(*machine.programs(), "mcopy")
    suite = unittest.TestSuite(map(Layout, chosen))
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
