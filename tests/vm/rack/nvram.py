"""The NVRAM of a UEFI machine that is switched off: variables in the flash image of OVMF, read and added.

EDK2's authenticated variable store (MdeModulePkg's VariableFormat.h): a firmware volume's header, a store's header,
then variables, each aligned to four bytes; what was never written is 0xff.
"""

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
_SHA256 = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328")
_HEADER = struct.Struct("<HBBIQ16sIII16s")
_START, _ADDED, _DELETED = 0x55AA, 0x3F, 0x3C  # bits of the state are cleared as a variable's life goes on
_KEPT_AND_RUNTIME, _SIGNED = 7, 0x20
_KEYS = {"PK": GLOBAL, "KEK": GLOBAL, "db": SECURITY}  # of Secure Boot: who changes the next one, who signs programs


@dataclass
class _Variable:
    at: int
    attributes: int
    owner: uuid.UUID
    name: str
    data: bytes


class Nvram:
    def __init__(self, image: Path):
        self.image = image
        self._bytes = bytearray(image.read_bytes())
        store = struct.unpack_from("<H", self._bytes, 48)[0]  # behind the volume's header
        self._end = store + struct.unpack_from("<I", self._bytes, store + 16)[0]
        self._variables = {}
        at = store + 28
        while at + _HEADER.size <= self._end:
            start, state, _, attributes, _, _, _, name_size, size, owner = _HEADER.unpack_from(self._bytes, at)
            if start != _START:
                break
            names = at + _HEADER.size
            name = bytes(self._bytes[names:names + name_size]).decode("utf-16le").rstrip("\0")
            data = bytes(self._bytes[names + name_size:names + name_size + size])
            if state == _ADDED:
                variable = _Variable(at, attributes, uuid.UUID(bytes_le=owner), name, data)
                self._variables[variable.owner, name] = variable
            at = (names + name_size + size + 3) & ~3
        self._free = at

    def get(self, name: str, owner: uuid.UUID = GLOBAL) -> bytes | None:
        found = self._variables.get((owner, name))
        return found.data if found else None

    def set(self, name: str, data: bytes, owner: uuid.UUID = GLOBAL) -> None:
        before = self._variables.get((owner, name))
        signed = owner == SECURITY or name in _KEYS
        attributes = before.attributes if before else _KEPT_AND_RUNTIME | (_SIGNED if signed else 0)
        text = (name + "\0").encode("utf-16le")
        header = _HEADER.pack(_START, _ADDED, 0, attributes, 0, bytes(16), 0, len(text), len(data), owner.bytes_le)
        whole = header + text + data
        if self._free + len(whole) > self._end:
            raise ValueError(f"{self.image} is full")
        if before:
            self._bytes[before.at + 2] = _DELETED
        self._bytes[self._free:self._free + len(whole)] = whole
        self._variables[owner, name] = _Variable(self._free, attributes, owner, name, data)
        self._free = (self._free + len(whole) + 3) & ~3
        self.image.write_bytes(self._bytes)

    def add_boot_entry(self, number: int, label: str, partition: int, start: int, size: int, guid: str,
                       path: str, arguments: str = "") -> None:
        """An entry for a file on a partition of a GPT, in sectors, first in the boot order. The arguments are for a
        kernel, which wants them as UEFI writes text."""
        drive = struct.pack("<BBHIQQ", 4, 1, 42, partition, start, size) + uuid.UUID(guid).bytes_le + b"\2\2"
        name = (path + "\0").encode("utf-16le")
        device = drive + struct.pack("<BBH", 4, 4, 4 + len(name)) + name + b"\x7f\xff\4\0"
        self.set(f"Boot{number:04X}", struct.pack("<IH", 1, len(device)) + (label + "\0").encode("utf-16le") + device +
                 ((arguments + "\0").encode("utf-16le") if arguments else b""))
        self.set("BootOrder", struct.pack("<H", number) + (self.get("BootOrder") or b""))

    def boot_order(self) -> list[str]:
        """The labels, in their order."""
        labels = []
        for (number,) in struct.iter_unpack("<H", self.get("BootOrder") or b""):
            text = (self.get(f"Boot{number:04X}") or b"")[6:]
            labels.append(text.decode("utf-16le", "replace").split("\0")[0])
        return labels

    def trust(self, certificate: bytes) -> None:
        """Of a machine in Setup Mode: nobody but who has this certificate (DER) is trusted from now on, for keys and
        for programs, and Secure Boot is on."""
        entry = bytes(16) + certificate
        content = _X509.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry
        for name, owner in reversed(_KEYS.items()):
            self.set(name, content, owner)

    def forbid(self, digest: bytes) -> None:
        """Adds the SHA-256 of a program to dbx."""
        entry = bytes(16) + digest
        head = struct.pack("<III", 28 + len(entry), 0, len(entry))
        self.set("dbx", (self.get("dbx", SECURITY) or b"") + _SHA256.bytes_le + head + entry, SECURITY)
