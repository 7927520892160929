"""A golden image as docs/image.md has it, written by hand."""

import hashlib
import json
import os
import subprocess
import tarfile

STAGE2 = b"hsqs" + bytes(range(256)) * 4096
FILES = b"".join(b"%d\n" % (number * 7919) for number in range(300_000))

DISK = {"id": "sda", "kind": "disk", "on": [], "links": [], "bytes": 1 << 30, "sector": 512, "boot_code": ""}
TABLE = {"id": "sda:dos", "kind": "table", "on": ["sda"], "links": [], "label": "dos", "identity": "0x59be1427",
         "slots": 0}
PARTITION = {"id": "sda1", "kind": "partition", "on": ["sda:dos"], "links": [], "number": 1, "role": "plain",
             "type": "83", "guid": "", "name": "", "attributes": 0, "start": 1 << 20, "active": True,
             "size": {"bytes": 64 << 20, "fill": False, "shrinks": False}}
JFS = {"id": "sda1:fs", "kind": "jfs", "on": ["sda1"], "links": [], "uuid": "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f",
        "label": "", "ignores_case": False, "mount_options": "", "used": {"bytes": 1, "inodes": 1, "later": 0}}
MANIFEST = {"version": 2, "golden_host": "golden", "server_version": "1.0.0", "session": "monday",
            "storage": [DISK, TABLE, PARTITION, JFS], "mounts": [{"fs": "sda1:fs", "point": "/", "options": "",
                                                                  "subvolume": "", "apart": False}],
            "streams": [], "bare_directories": [], "sockets": [], "inode_flags": [], "hooks": [], "targets": [],
            "boot": {"order": "disk-first"}, "network_cards": [], "golden_addresses": [],
            "initrds": [],
            "identity": {"keep": [], "renew": []}, "removable_allowed": False, "degraded": False,
            "tar_compression": "zstd", "log_directory": "/var/log/ka", "verify_all": False, "step_limit_s": 3600,
            "firmware": ["bios"], "passphrases": "none", "of_a_later_ka": [1, 2]}

CRYPT = {"id": "vault", "kind": "crypt", "on": ["sda1"], "links": [], "version": 2, "label": "",
         "uuid": "5d3f1a2c-2a7c-4a53-9f0e-6f0a5f6f0a5f", "cipher": "aes-xts-plain64", "key_bits": 512, "hash": "sha256",
         "key_derivation": "pbkdf2", "offset": 16 << 20, "sector": 512, "discards": False, "bytes": 48 << 20}
IN_A_VAULT = MANIFEST | {"storage": [DISK, TABLE, PARTITION, CRYPT, JFS | {"id": "vault:fs", "on": ["vault"]}],
                         "mounts": [MANIFEST["mounts"][0] | {"fs": "vault:fs"}], "passphrases": "asked"}


class Image:
    """A folder with an image; tests change it."""

    def __init__(self, folder, packed=True):
        self.folder = folder
        os.makedirs(folder)
        system = "system.tar.zst" if packed else "system.tar"
        bytes_ = subprocess.run(["zstd", "-q", "-c"], input=FILES, capture_output=True, check=True).stdout
        self.index = {"format": "ka-image", "version": 1, "needs": [], "made_by": "1.0.0", "golden_host": "golden",
                      "saved": "2026-11-23T08:00:00Z", "warnings": [], "others": [], "boot": [],
                      "manifest": self.add("manifest.json", json.dumps(MANIFEST).encode()),
                      "stage2": self.add("stage2.sqfs", STAGE2),
                      "streams": [{"session": "kainstall2", "file": self.add(system, bytes_ if packed else FILES),
                                   "packing": "zstd" if packed else "", "unpacked": len(FILES)}]}
        self.write_index()

    def path(self, name):
        return os.path.join(self.folder, name)

    def add(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def as_one_file(self):
        """Made by other hands than KA's, the index first."""
        path = self.folder + ".ka"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name in sorted(os.listdir(self.folder), key=lambda name: name != "image.json"):
                archive.add(self.path(name), name)
        return path

    def write_index(self):
        with open(self.path("image.json"), "w") as file:
            json.dump(self.index, file)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def damage(self, name):
        content = bytearray(self.read(name))
        content[len(content) // 2] ^= 1
        self.add(name, content)
