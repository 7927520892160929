"""QEMU's monitor: what is done to a machine from outside while it runs. It speaks QMP, which is JSON, a line each."""

import json
import socket

from .sandbox import CommandFailed


def execute(address: str, command: str, **arguments) -> None:
    """At the monitor that listens there (a UNIX socket). CommandFailed if QEMU refuses."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        stream = connection.makefile("rw")
        stream.readline()  # its greeting
        for asked in ("qmp_capabilities", {}), (command, arguments):
            stream.write(json.dumps(dict(zip(("execute", "arguments"), asked))) + "\n")
            stream.flush()
            while "event" in (answer := json.loads(stream.readline())):
                pass
            if "error" in answer:
                raise CommandFailed(f"{command}: {answer['error']['desc']}")
