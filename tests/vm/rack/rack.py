"""A rack with its network, boot servers and machines, and the folder where it writes what happened."""

import shutil
import time
from pathlib import Path

from . import network
from .golden import CACHE, ROOT
from .machine import Disk, Machine


class Rack:
    """Build it inside the sandbox. The folder build/vm/run/NAME keeps the consoles and the servers' logs of the last
    run; the disks' images go when the rack is left."""

    def __init__(self, name: str):
        self.directory = CACHE / "run" / name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.network = network.Network()
        self.machines: list[Machine] = []
        self.started = time.monotonic()
        self._advertiser = network.router_advertiser(self.directory)

    def __enter__(self) -> "Rack":
        return self

    def __exit__(self, kind, error, trace) -> None:
        for machine in self.machines:
            if machine.running:
                machine.cut_power()
        if error is not None:
            for machine in self.machines:
                print(f"--- the end of {machine.console.log.relative_to(ROOT)}\n{machine.console.tail(40)}", flush=True)
        for image in self.directory.glob("*.img"):
            image.unlink()

    def machine(self, name: str, number: int, **parts) -> Machine:
        machine = Machine(name, number, self.network, self.directory, **parts)
        self.machines.append(machine)
        return machine

    def blank_disk(self, name: str, mib: int, controller: str) -> Disk:
        return Disk.blank(self.directory / f"{name}.img", mib, controller)
