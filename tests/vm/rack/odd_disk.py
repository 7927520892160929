"""A disk that is not as disks should be: it loses writes and says nothing, refuses them, or stands still for a while.
QEMU speaks NBD to it; what it keeps lies in a file, as with any other disk."""

import os
import socket
import struct
import threading
from pathlib import Path

EIO = 5
_READ, _WRITE, _CLOSE, _FLUSH = range(4)
_GO, _LIST_UNSUPPORTED = 7, 0x80000001


class OddDisk:
    """Serves `path` at `address` (a UNIX socket). What happens to a write that holds `marker` says `fate`: "lose" it,
    or "refuse" it with an I/O error. While it is on hold, nothing is answered."""

    def __init__(self, path: Path, address: Path, marker: bytes = b"", fate: str = ""):
        self.path = path
        self.address = address
        self.marker = marker
        self.fate = fate
        self.met = 0  # writes that had this fate
        self.waiting = threading.Event()  # something was asked for during a hold
        self._may_go = threading.Event()
        self._may_go.set()
        address.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        self.waiting.clear()
        self._may_go.clear()

    def go_on(self) -> None:
        self._may_go.set()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        image = os.open(self.path, os.O_RDWR)
        try:
            with connection, connection.makefile("rwb") as stream:
                self._shake_hands(stream)
                while self._request(stream, image):
                    stream.flush()
        except (ConnectionError, struct.error):
            pass  # its machine was switched off
        finally:
            os.close(image)

    def _shake_hands(self, stream) -> None:
        stream.write(b"NBDMAGIC" + b"IHAVEOPT" + struct.pack(">H", 3))
        stream.flush()
        stream.read(4)
        while True:
            _, option, length = struct.unpack(">8sII", stream.read(16))
            stream.read(length)
            def answer(kind: int, data: bytes = b"") -> None:
                stream.write(struct.pack(">QIII", 0x3e889045565a9, option, kind, len(data)) + data)
            if option == _GO:
                has_flags_and_flush = 1 | 4
                answer(3, struct.pack(">HQH", 0, self.path.stat().st_size, has_flags_and_flush))
                answer(1)
                return stream.flush()
            answer(_LIST_UNSUPPORTED)
            stream.flush()

    def _request(self, stream, image: int) -> bool:
        _, _, kind, handle, offset, length = struct.unpack(">IHHQQI", stream.read(28))
        if kind == _CLOSE:
            return False
        data = stream.read(length) if kind == _WRITE else b""
        if not self._may_go.is_set():
            self.waiting.set()
            self._may_go.wait()
        error = 0
        if kind == _READ:
            data = os.pread(image, length, offset)
        elif kind == _WRITE:
            error = self._write(image, offset, data)
            data = b""
        stream.write(struct.pack(">IIQ", 0x67446698, error, handle) + data)
        return True

    def _write(self, image: int, offset: int, data: bytes) -> int:
        if self.fate and self.marker in data:
            self.met += 1
            return EIO if self.fate == "refuse" else 0
        os.pwrite(image, data, offset)
        return 0
