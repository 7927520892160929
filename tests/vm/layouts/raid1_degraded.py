"""The mirrors of raid1, cloned with --degraded onto a machine with one disk, which starts."""

from rack.layered_run import LayeredRun
from rack.layouts import Clone, load

LONG = True
LAYOUT = load("raid1").LAYOUT
CLONES = [Clone(disks=(240,), options="--degraded")]


class DegradedRun(LayeredRun):
    """Of each array one leg is there and the clone's only disk is as its first golden one."""

    def _raid(self, console, raid):
        detail = console.command(f"mdadm --detail /dev/{raid.name}")[1]
        here = 2 if console is self.golden.console else 1
        self.assertRegex(detail, r"State : (clean|active)(, degraded)?\s*\n")  # and nothing is being synced
        self.assertEqual(", degraded" in detail, here == 1, detail)
        self.assertRegex(detail, rf"Active Devices : {here}\s")
        return [line.strip() for line in detail.splitlines()
                if line.strip().startswith(("Version", "Raid Level", "Raid Devices", "Intent Bitmap", "UUID"))]

    def assert_equal_disks(self, clone, node):
        self.assertEqual(self._table(self.golden.machine.disks[0]), self._table(node.disks[0]))


RUN = DegradedRun
