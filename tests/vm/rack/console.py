"""A machine's serial line: kept whole in a file by QEMU, and here as lines with the time each came.

Waiting is always for an event (a text, or the end of the machine); the time limits are only there so that a broken run
ends, and are far above what a busy machine needs.
"""

import codecs
import re
import socket
import threading
import time
from pathlib import Path

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_()][0-9A-Za-z]?)|[\r\x00\x07]")
# The kernel writes past the terminal, so its lines come anywhere, also in the middle of one that a program prints.
_KERNEL_LINE = re.compile(r"\[ *\d+\.\d{6}\] [^\n]*\n")
_UNFINISHED = re.compile(r"\x1b[^@-Z\\^-~]{0,30}$")


class ConsoleError(Exception):
    """What was waited for did not come; carries the last lines of the console."""


class Console:
    def __init__(self, name: str, log: Path):
        self.name = name
        self.log = log
        self.on_line = None  # called with each whole line, on the reader's thread
        self._text = ""
        self._seen = 0  # what is before was matched by an earlier wait()
        self._line_times: list[tuple[int, float]] = []  # (end of line in _text, time it came)
        self._ended = False
        self._changed = threading.Condition()
        self._socket: socket.socket | None = None

    def connect(self, path: str) -> None:
        """QEMU waits for this before the machine starts, so no byte is lost."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        pending = ""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            with self._changed:
                if not data:
                    self._socket.close()
                    self._ended = True
                    self._changed.notify_all()
                    return
                text = pending + decode(data)
                cut = _UNFINISHED.search(text)
                pending = text[cut.start():] if cut else ""
                start = self._text.rfind("\n") + 1
                self._text += _ESCAPES.sub("", text[:cut.start()] if cut else text)
                now = time.monotonic()
                lines = []
                while (end := self._text.find("\n", start)) >= 0:
                    self._line_times.append((end, now))
                    lines.append(self._text[start:end])
                    start = end + 1
                self._changed.notify_all()
            for line in lines:
                if self.on_line:
                    self.on_line(line)

    @property
    def text(self) -> str:
        with self._changed:
            return self._text

    def tail(self, lines: int = 25) -> str:
        return "\n".join(f"  {self.name}> {line}" for line in self.text.splitlines()[-lines:])

    def wait(self, pattern: str, limit: float = 300) -> re.Match:
        """The first match after what was matched before. ConsoleError if the machine ends or the limit passes first."""
        wanted = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + limit
        with self._changed:
            while True:
                if match := wanted.search(self._text, self._seen):
                    self._seen = match.end()
                    return match
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the machine ended" if self._ended else f"{limit:.0f} s passed"
                    break
                self._changed.wait(left)
        raise ConsoleError(f"{self.name}: {why} while waiting for /{pattern}/; its console ends with\n{self.tail()}")

    def wait_end(self, limit: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended, limit):
                raise ConsoleError(f"{self.name}: still runs after {limit:.0f} s; its console ends with\n{self.tail()}")

    def time_of(self, pattern: str) -> float | None:
        """When (time.monotonic) the first line that matches came."""
        with self._changed:
            if match := re.search(pattern, self._text, re.MULTILINE):
                return next((when for end, when in self._line_times if end >= match.start()), None)
        return None

    def type(self, text: str) -> None:
        self._socket.sendall(text.encode())

    def command(self, line: str, limit: float = 120) -> tuple[int, str]:
        """Types a command at a shell's prompt; its exit status and what it printed, without what the kernel said
        meanwhile. The marks are typed in two halves so that the terminal's echo of them is never taken for what the
        shell printed."""
        self.type(f"echo 'ka-'begin; {line}; echo 'ka-'end $?\n")
        self.wait(r"^ka-begin\n", limit)
        start = self._seen
        end = self.wait(r"ka-end (\d+)\n", limit)
        output = self.text[start:end.start()]
        return int(end.group(1)), _KERNEL_LINE.sub("", output)
