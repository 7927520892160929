#!/usr/bin/env python3
"""A Debian 12 as its installer makes it on two disks (EFI system partition and LVM, each on RAID1; a thin /home) clones
itself onto two pairs of disks of other sizes; every file is equal, no array needs to be synced, and both clones start
with all their disks, then with either one removed.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, machine, sandbox  # noqa: E402
from rack.debian_raid_clone import SYSTEM, DebianRaidClone  # noqa: E402
from rack.rack import Rack  # noqa: E402


def main() -> None:
    golden.prepare("debian12-raid")
    sandbox.enter()
    sandbox.need(*machine.programs())
    started = time.monotonic()
    with Rack("debian12-raid") as rack:
        say = lambda text: print(f"[{time.monotonic() - started:5.0f} s] {text}", flush=True)  # noqa: E731
        clone = DebianRaidClone(rack, say, SYSTEM)
        clone.build()
        clone.start_golden()
        clone.clone()
        clone.compare()
        clone.boot_clones()
        for number in (1, 2):
            clone.boot_without(number)
        for node in clone.nodes:
            stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in node.seconds.items())
            print(f"{node.machine.name} ({node.controller}): {node.result}; seconds: {stages}; {node.identity}")


main()
