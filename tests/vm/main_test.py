#!/usr/bin/env python3
"""The main test: a golden Debian machine clones itself onto two blank machines over PXE, unattended; every file of the
clones is the golden one's, and both boot from their own disks as machines of their own."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, machine, sandbox  # noqa: E402
from rack.debian_clone import DEBIAN12, DRACUT, DebianClone  # noqa: E402
from rack.rack import Rack  # noqa: E402


def main() -> None:
    which = sys.argv[1] if sys.argv[1:] else "debian"
    golden.prepare(which)
    sandbox.enter()
    sandbox.need(*machine.programs())
    started = time.monotonic()
    with Rack("main" if which == "debian" else which) as rack:
        say = lambda text: print(f"[{time.monotonic() - started:5.0f} s] {text}", flush=True)  # noqa: E731
        clone = DebianClone(rack, say, {"debian": DEBIAN12, "debian-dracut": DRACUT}[which])
        clone.build()
        clone.start_golden()
        clone.clone()
        clone.compare()
        clone.boot_clones()
        for node in clone.nodes:
            stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in node.seconds.items())
            print(f"{node.machine.name} ({node.controller}): {node.result}; seconds: {stages}; {node.identity}")


main()
