#!/usr/bin/env python3
"""A golden machine of today (Debian 13, Secure Boot, NVMe, GPT, XFS and Btrfs) clones itself onto two blank machines
that boot by UEFI under Secure Boot; every file is equal, and both start by their own entries in NVRAM, then again when
NVRAM was lost.

  debian13_test.py [isc | http | proxy | kea | own | service]
                   what the blank machines boot from: isc is dhcpd and tftpd, by TFTP; http, and proxy (dnsmasq beside a
                   plain DHCP server), by UEFI HTTP boot; own is ka-server --pxe beside a plain DHCP server, with KA
                   installed from its Debian packages, and service the same as the packages' service
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, machine, sandbox  # noqa: E402
from rack.debian_clone import DEBIAN13, DebianClone  # noqa: E402
from rack.rack import Rack  # noqa: E402


def main() -> None:
    way = sys.argv[1] if sys.argv[1:] else "isc"
    golden.prepare("debian13")
    sandbox.enter()
    sandbox.need(*machine.programs())
    started = time.monotonic()
    with Rack(f"debian13-{way}") as rack:
        say = lambda text: print(f"[{time.monotonic() - started:5.0f} s] {text}", flush=True)  # noqa: E731
        clone = DebianClone(rack, say, DEBIAN13, way)
        clone.build()
        clone.start_golden()
        clone.clone()
        clone.compare()
        clone.boot_clones()
        say("Both clones start once more, after their NVRAM was lost")
        for node in clone.nodes:
            node.machine.reset_nvram()
        clone.boot_clones()
        for node in clone.nodes:
            stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in node.seconds.items())
            print(f"{node.machine.name} ({node.controller}): {node.result}; seconds: {stages}; {node.identity}")


main()
