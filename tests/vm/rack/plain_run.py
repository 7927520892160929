"""Layouts of which the kernel here, or a program, can read most of the disks: the same tables, all files equal."""

from pathlib import Path

from . import compare, contents, disk, tiny, tiny_btrfs
from .console import Console
from .layout_run import KEPT_FOLDERS, LayoutRun
from .layouts import Clone
from .machine import Disk, Machine
from .tiny_clone import TinyGolden


class PlainRun(LayoutRun):
    layout: tiny.Layout

    def make_golden(self) -> TinyGolden:
        return TinyGolden(self.rack, self.layout)

    def prepare(self, console: Console) -> None:
        for content in self.layout.everything_extra:
            content.fill(console)

    def blank_disks(self, clone: Clone, name: str) -> list[Disk]:
        disks = [self.rack.blank_disk(name, self.layout.size_mib + clone.grow, clone.controller)]
        disks[0].sector = clone.sector
        if self.layout.second:
            disks.append(self.rack.blank_disk(f"{name}b", self.layout.second.size_mib, clone.controller))
        return disks

    def seen(self, console: Console) -> dict[str, str]:
        """Of what the kernel here cannot mount."""
        found = {content.point: content.digest(console) for content in self.layout.everything_extra}
        if self.layout.root_type not in tiny.MOUNTED_HERE:
            found["/"] = contents.digest(console, "/", *KEPT_FOLDERS)
        return found

    def assert_started(self, clone: Clone, node: Machine) -> None:
        if subvolumes := self.layout.subvolumes:
            mounted = node.console.command("cat /proc/mounts")[1]
            for subvolume, point in {subvolumes.root: "/", **subvolumes.mounts}.items():
                self.assertRegex(mounted, rf" {point} btrfs \S*subvol=/{subvolume}\b")

    def assert_equal_disks(self, clone: Clone, node: Machine) -> None:
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
