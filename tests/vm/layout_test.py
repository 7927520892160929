#!/usr/bin/env python3
"""Golden disks that are laid out in many ways, each cloned: the same tables, all files equal, and each clone starts
from its own disk, with no boot ROM on its network card. One file below layouts/ is one layout (rack/layouts.py), and
one test of CTest. What came of it is left in build/vm/layouts, from which layouts-page makes docs/layouts.md.

  layout_test.py NAME…
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rack import golden, layouts, machine, sandbox  # noqa: E402
from rack.layered import Layered  # noqa: E402
from rack.layered_run import LayeredRun  # noqa: E402
from rack.plain_run import PlainRun  # noqa: E402


def run_of(name: str) -> unittest.TestCase:
    module = layouts.load(name)
    kind = LayeredRun if isinstance(module.LAYOUT, Layered) else PlainRun
    return getattr(module, "RUN", kind)(name, module)


if __name__ == "__main__":
    chosen = sys.argv[1:] or layouts.names()
    golden.prepare(*chosen)
    sandbox.enter()
    sandbox.need(*machine.programs(), "mcopy")
    suite = unittest.TestSuite(map(run_of, chosen))
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
