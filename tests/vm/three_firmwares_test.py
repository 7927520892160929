#!/usr/bin/env python3
"""A Debian 12 with KA from its packages, `ka-server -n 3 --pxe` typed and no more, beside a DHCP server that knows
nothing of PXE: a machine with a BIOS, one with UEFI and one with UEFI under Secure Boot become clones; every file is
equal, and each starts from its disk, then once more with the network before the disk in its boot order.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, machine, sandbox  # noqa: E402
from rack.debian_clone import BOTH, DebianClone  # noqa: E402
from rack.rack import Rack  # noqa: E402


def main() -> None:
    golden.prepare("debian12-both")
    sandbox.enter()
    sandbox.need(*machine.programs())
    started = time.monotonic()
    with Rack("three-firmwares") as rack:
        say = lambda text: print(f"[{time.monotonic() - started:5.0f} s] {text}", flush=True)  # noqa: E731
        clone = DebianClone(rack, say, BOTH, "own")
        clone.build()
        clone.start_golden()
        clone.clone()
        clone.compare()
        clone.boot_clones()
        clone.boot_clones(network_first=True)
        for node in clone.nodes:
            stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in node.seconds.items())
            print(f"{node.machine.name} ({node.machine.firmware}): {node.result}; seconds: {stages}; {node.identity}")


main()
