"""Layouts of RAID, LVM and LUKS, which the kernel here cannot look into: the machines themselves tell what they see."""

import re
import unittest

from . import contents, disk, layered, layers
from .console import Console
from .layers import Crypt, Group, Raid
from .layout_run import KEPT_FOLDERS, LayoutRun
from .layouts import Clone
from .machine import Disk, Machine
from .rack import Rack
from .tiny_clone import TinyGolden

UNLOCK = r"Please unlock disk (\S+): "


class LayeredGolden(TinyGolden):
    layout: layered.Layered

    def _disks(self, rack: Rack) -> list[Disk]:
        found = layered.images(layered.layered(self.layout), self.layout)
        return [Disk(disk.copy(image, rack.directory / f"golden{number}.img"), "virtio-scsi")
                for number, image in enumerate(found, start=1)]

    def _add_entries(self, disks: list[Disk]) -> None:
        for esp in reversed(self.layout.esps):
            number, _, partition = esp.partition(".")
            self._add_entry(disks[int(number) - 1].path, int(partition))

    def _unlock(self) -> None:
        unlock(self.machine, self.layout)


def unlock(machine: Machine, layout: layered.Layered) -> None:
    """Types the passphrase, as often as the start of the machine asks for it: once for all."""
    if any(not crypt.key for crypt in layout.some(Crypt)):
        machine.console.wait(UNLOCK, 900)
        machine.console.type(layers.PASSPHRASE + "\n")


class LayeredLook(unittest.TestCase):
    """What the machines of a layout see of themselves."""
    layout: layered.Layered
    sizes_differ = False  # of the volumes, on clones

    def seen(self, console: Console) -> dict[str, list[str]]:
        """All files, and all layers, each as its own programs show it."""
        found = {point: self._files(console, point) for point in self.layout.points}
        found["settings"] = self._lines(console, "sha256sum /etc/fstab /etc/crypttab /etc/mdadm/mdadm.conf 2>/dev/null")
        found |= {raid.name: self._raid(console, raid) for raid in self.layout.some(Raid)}
        found |= {crypt.name: self._crypt(console, crypt) for crypt in self.layout.some(Crypt)}
        if self.layout.some(Group):
            found["volumes"] = self._report(console, "lvs", "lv_full_name,lv_uuid,segtype,stripes,stripe_size,pool_lv,"
                                            "lv_tags" + ("" if self.sizes_differ else ",lv_size"))
            found["groups"] = self._report(console, "vgs", "vg_name,vg_uuid,vg_extent_size,vg_tags,pv_count")
            found["physical"] = self._report(console, "pvs", "vg_name,pv_uuid")
        return found

    def _files(self, console: Console, point: str) -> list[str]:
        lines = contents.listing(console, point, *([*KEPT_FOLDERS, "files"] if point == "/" else ["."]))
        # What a clone's own steps write, and the folders that they write into; other file systems' tops.
        own = r"\./(grub|efi|log|lost\+found|EFI/BOOT)(/|\s|$)" + (r"|\s41\w\w\s" if point == "/boot/efi" else "")
        return [line for line in lines if not re.search(own, line)]

    def _lines(self, console: Console, command: str) -> list[str]:
        return [line.strip() for line in console.command(command)[1].splitlines() if line.strip()]

    def _report(self, console: Console, program: str, columns: str) -> list[str]:
        # Of each segment, where a clone's volume may be in one piece and the golden one is not.
        return sorted(set(self._lines(console, f"{program} --noheadings --units b --separator ' ' -o {columns}")))

    def _raid(self, console: Console, raid: Raid) -> list[str]:
        """What it is, that it is whole, and that nothing is being synced."""
        device = layers.device(raid.name)
        if raid.level in ("4", "5", "6"):
            console.command(f"mdadm --wait {device}")  # is synced after the first start
        detail = console.command(f"mdadm --detail {device}")[1]
        state = re.search(r"State : (.*)", detail)
        self.assertIsNotNone(state, detail)
        self.assertIn(state[1].strip(), ("clean", "active"), detail)
        kept = ("Version", "Raid Level", "Raid Devices", "Total Devices", "Active Devices", "Layout", "Chunk Size",
                "Consistency Policy", "Intent Bitmap", "UUID")
        return [line.strip() for line in detail.splitlines() if line.strip().startswith(kept)]

    def _crypt(self, console: Console, crypt: Crypt) -> list[str]:
        _, dump = console.command(f"cryptsetup luksDump $(blkid -U {self.layout.uuid(crypt.name)})")
        kept = ("Version:", "UUID:", "cipher:", "Cipher:", "Cipher", "Key:", "PBKDF:", "MK bits:")
        return [line.strip() for line in dump.splitlines() if line.strip().startswith(kept)]

    def volume_key(self, console: Console, crypt: Crypt) -> str:
        """The master key of LUKS, in hexadecimal."""
        status, dump = console.command(f"printf %s '{layers.PASSPHRASE}' | cryptsetup luksDump -q --dump-volume-key "
                                       f"--key-file - $(blkid -U {self.layout.uuid(crypt.name)})")
        self.assertEqual(status, 0, dump)
        return "".join(re.findall(r"\b[0-9a-f]{2}\b", dump.partition("MK dump:")[2]))


class LayeredRun(LayeredLook, LayoutRun):
    def make_golden(self) -> TinyGolden:
        return LayeredGolden(self.rack, self.layout)

    def blank_disks(self, clone: Clone, name: str) -> list[Disk]:
        sizes = clone.disks or tuple(golden.mib + clone.grow for golden in self.layout.disks)
        return [self.rack.blank_disk(f"{name}-{number}", mib, clone.controller)
                for number, mib in enumerate(sizes, start=1)]

    def prepare(self, console: Console) -> None:
        self.keys = [self.volume_key(console, crypt) for crypt in self.layout.some(Crypt)]
        getattr(self.module, "prepare", lambda run, console: None)(self, console)

    @property
    def entries(self) -> int:
        """One for each leg of the mirror that the EFI system partition is."""
        return len(self.layout.esps)

    def wait_up(self, node: Machine) -> None:
        unlock(node, self.layout)
        node.wait_up()

    @property
    def sizes_differ(self) -> bool:
        """Of the volumes, on clones."""
        return getattr(self.module, "SIZES_DIFFER", False)

    def assert_started(self, clone: Clone, node: Machine) -> None:
        for crypt in self.layout.some(Crypt):
            key = self.volume_key(node.console, crypt)
            self.assertGreaterEqual(len(key), 64)
            self.assertNotIn(key, self.keys)
            self.keys.append(key)
        getattr(self.module, "look", lambda run, console: None)(self, node.console)

    def assert_equal_disks(self, clone: Clone, node: Machine) -> None:
        """As far as tables, whichever of the clone's disks each is on."""
        golden = [one for one in self.golden.machine.disks if not one.read_only]
        self.assertEqual(*(sorted(self._table(one) for one in disks) for disks in (golden, node.disks)))

    def _table(self, one: Disk) -> list[str]:
        if not disk.partitions(one.path):
            return []
        table = disk.table(one.path)
        kept = ("type", "uuid", "name", "attrs")
        return [table["id"], *(" ".join(str(p.get(name)) for name in kept) for p in table["partitions"])]
