"""A cable that changes bytes: what a broken switch or a person in the middle does.

The machine's network card ends in a UNIX datagram socket instead of a tap; a thread carries its frames to and from a
tap on the bridge, and may change the TCP payload that goes to the machine. Checksums are made right again, as a
store-and-forward switch with bad memory makes them: only a digest of the data itself can find it.
"""

import fcntl
import os
import select
import socket
import struct
import threading
from pathlib import Path

from .network import Network

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000


class AlteringCable:
    """Changes one bit in each packet that goes to the machine with TCP payload from or to `port`, or later in one for
    each `every` bytes of it."""

    def __init__(self, network: Network, name: str, port: int):
        self.every = 1
        self._port = port
        self._bytes = 0
        self.altered = 0
        self._path = Path(f"/run/{name}.cable")
        self._guest_path = Path(f"/run/{name}.nic")
        network.tap(name)
        self._tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self._tap, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TAP | _IFF_NO_PI))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        threading.Thread(target=self._carry, daemon=True).start()

    @property
    def netdev(self) -> str:
        """For QEMU's -netdev, without the id."""
        return (f"dgram,local.type=unix,local.path={self._guest_path},"
                f"remote.type=unix,remote.path={self._path}")

    def _carry(self) -> None:
        while True:
            ready, _, _ = select.select([self._tap, self._socket], [], [])
            if self._socket in ready:
                os.write(self._tap, self._socket.recv(65536))
            if self._tap in ready:
                frame = self._changed(os.read(self._tap, 65536))
                try:
                    self._socket.sendto(frame, str(self._guest_path))
                except (FileNotFoundError, ConnectionRefusedError):
                    pass  # the machine is off

    def _changed(self, frame: bytes) -> bytes:
        if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return frame  # no TCP over IPv4
        header = 14 + (frame[14] & 15) * 4
        end = 14 + int.from_bytes(frame[16:18], "big")
        payload = header + (frame[header + 12] >> 4) * 4
        if self._port not in struct.unpack("!HH", frame[header:header + 4]) or payload >= end:
            return frame
        self._bytes += end - payload
        if self._bytes < self.every:
            return frame
        self._bytes = 0
        self.altered += 1
        changed = bytearray(frame)
        changed[(payload + end) // 2] ^= 0x10
        changed[header + 16:header + 18] = b"\0\0"
        pseudo = frame[26:34] + struct.pack("!HH", 6, end - header)
        changed[header + 16:header + 18] = struct.pack("!H", _checksum(pseudo + bytes(changed[header:end])))
        return bytes(changed)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
