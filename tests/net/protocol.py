"""The protocol of docs/protocol.md as a stranger would write it: enough of it to be a node, a server, or a nuisance."""

import os
import re
import select
import socket
import struct
import sys
import time

CONTROL_PORT, DATA_PORT = 30765, 30764
HELLO, JOIN, POSITION, UPSTREAM_LOST, FINISHED, PONG, GO, INTRODUCTION = 1, 2, 3, 4, 5, 9, 10, 13
WELCOME, REFUSED, START, LINK, OVER, PUT_OUT, PING, ADMITTED = 65, 66, 67, 68, 69, 70, 73, 76


def version():
    """Of the tree that this file is in."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "wire", "messages.h")) as file:
        return int(re.search(r"protocol_version = (\d+)", file.read()).group(1))


def text(value):
    value = value.encode("latin-1") if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def frame(kind, fields=b""):
    return struct.pack(">IB", 1 + len(fields), kind) + fields


def hello(host_name="stranger", hardware_address="52:54:00:00:00:99", clones=False, ring=64 << 20, port=DATA_PORT):
    """At level open, and who it is with it: an answer is not waited for."""
    return frame(HELLO, b"KAM1" + struct.pack(">H", version()) + text("")) + \
        frame(INTRODUCTION, struct.pack(">Q?HQ", 1, clones, port, ring) + text(host_name) + text(hardware_address) +
              text(""))


def join(session):
    return frame(JOIN, text(session))


def welcome():
    """At level open, and what comes behind the node's introduction with it."""
    return frame(WELCOME, struct.pack(">H", version()) + text("")) + frame(ADMITTED, struct.pack(">Q", 1))


def start(stream, session, window, chunk=65536, packing="zstd"):
    return frame(START, struct.pack(">Q", stream) + text(session) + struct.pack(">IQI", 1, window, chunk) +
                 text(packing) + text("") + text(""))


def link(stream, epoch, address, port):
    return frame(LINK, struct.pack(">QIIH", stream, epoch, address, port))


def query(token, session):
    return b"KAD1" + struct.pack(">BQ", 1, token) + text(session)


class Connection:
    """Messages over a socket."""

    def __init__(self, connected):
        self.socket = connected
        self.pending = b""

    @classmethod
    def to(cls, host, port=CONTROL_PORT, timeout=10):
        return cls(socket.create_connection((host, port), timeout=timeout))

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def receive(self, timeout=10):
        """(kind, fields); None at the end of the connection. Raises TimeoutError."""
        while True:
            if len(self.pending) >= 4:
                length = struct.unpack(">I", self.pending[:4])[0]
                if len(self.pending) >= 4 + length:
                    message, self.pending = self.pending[4:4 + length], self.pending[4 + length:]
                    return message[0], message[1:]
            if not select.select([self.socket], [], [], timeout)[0]:
                raise TimeoutError("no message came")
            try:
                got = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not got:
                return None
            self.pending += got

    def wait_for(self, wanted, timeout=30):
        """The fields of the next message of that kind; pings are answered meanwhile."""
        end = time.monotonic() + timeout
        while True:
            message = self.receive(max(0, end - time.monotonic()))
            if message is None:
                raise ConnectionError("closed while a message was waited for")
            kind, fields = message
            if kind == PING:
                self.send(frame(PONG, fields))
            if kind == wanted:
                return fields


SECRET = bytes.fromhex("b8fe6c3923a44bbe7c01812cf721ad1c")
MASK = (1 << 64) - 1


def avalanche(value):
    value ^= value >> 33
    value = value * 0xC2B2AE3D27D4EB4F & MASK
    value ^= value >> 29
    value = value * 0x165667B19E3779F9 & MASK
    return value ^ value >> 32


def digest_of_byte(byte, seed):
    """XXH3-128 of one byte, canonical."""
    low = byte << 16 | byte << 24 | byte | 1 << 8
    swapped = int.from_bytes(low.to_bytes(4, "little"), "big")
    high = (swapped << 13 | swapped >> 19) & 0xFFFFFFFF
    words = struct.unpack("<4I", SECRET)
    low ^= ((words[0] ^ words[1]) + seed) & MASK
    high ^= ((words[2] ^ words[3]) - seed) & MASK
    return struct.pack(">QQ", avalanche(high), avalanche(low))


def crumb(offset, packed):
    """A chunk of one byte, its digest right."""
    seed = offset ^ (1 << 63 if packed else 0)
    return struct.pack(">BBHIQ", 1, packed, 0, 1, offset) + digest_of_byte(0x61, seed) + b"a"


def greet(address, limit=60):
    """Until a server there takes nodes in. It listens before, but greets nobody while it looks for others like it."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            node = Connection.to(address, timeout=1)
            node.send(hello())
            # One with a key refuses a stranger, which is an answer, too.
            if node.receive(max(0, end - time.monotonic())) is not None:
                return
        except OSError:
            time.sleep(0.01)
    raise AssertionError(f"nobody greets at {address}")


if __name__ == "__main__":
    greet(sys.argv[1])
