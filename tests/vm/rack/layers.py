"""What lies between a disk and a file system: RAID, LVM, LUKS. Each layer has a name, by which others stand on it and
file systems lie on it; "1.2" is partition 2 of disk 1, "2" disk 2 as a whole.

A tiny machine assembles its layers by the configuration that is in its root and in its initrd, and asks for the
passphrase at the console."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import busybox
from .tiny_loaders import UNPACKED

PASSPHRASE = "open sesame"
GOLDEN_DISKS, MAKER_DISKS = "/dev/sd", "/dev/vd"
Uuid = Callable[[str], str]  # of a layer, by its name


def device(name: str, disks: str = GOLDEN_DISKS) -> str:
    """Its path on a machine whose disks are called so."""
    if name[0].isdigit():
        disk, _, partition = name.partition(".")
        return f"{disks}{chr(ord('a') + int(disk) - 1)}{partition}"
    if name.startswith("md"):
        return f"/dev/{name}"
    # In the names of a volume and its group each dash stands twice; one joins them.
    group, slash, volume = name.partition("/")
    return "/dev/mapper/" + (f"{group.replace('-', '--')}-{volume.replace('-', '--')}" if slash else name)


def _devices(names: tuple[str, ...]) -> str:
    return " ".join(device(name, MAKER_DISKS) for name in names)


@dataclass(frozen=True)
class Raid:
    name: str  # "md0"
    level: str
    on: tuple[str, ...]
    metadata: str = "1.2"
    more: str = ""  # words for mdadm --create

    programs = ("mdadm",)

    @property
    def number(self) -> str:
        return self.name.removeprefix("md")

    @property
    def modules(self) -> tuple[str, ...]:
        return ({"4": "raid456", "5": "raid456", "6": "raid456", "linear": "linear"}.get(
            self.level, f"raid{self.level}"),)

    def make(self, uuid: Uuid) -> str:
        return (f"mdadm --create /dev/{self.name} --run --quiet --metadata={self.metadata} --level={self.level} "
                f"--homehost=golden --name={self.number} --uuid={mdadm_uuid(uuid(self.name))} "
                f"{self.more} --raid-devices={len(self.on)} {_devices(self.on)}\n")

    def configure(self, tree: Path, uuid: Uuid) -> None:
        # Without the array's name, in which the host's is, and which so is another one on a clone.
        _append(tree / "etc/mdadm/mdadm.conf", "HOMEHOST <system>\n",
                f"ARRAY /dev/{self.name} metadata={self.metadata} UUID={mdadm_uuid(uuid(self.name))}\n")


@dataclass(frozen=True)
class Group:
    """LVM's volume group."""
    name: str
    on: tuple[str, ...]
    more: str = ""  # words for vgcreate

    modules = ("dm_mod",)
    programs = ("lvm", "dmsetup")

    def make(self, uuid: Uuid) -> str:
        return (f"lvm pvcreate -qq -y {_devices(self.on)}\n"
                f"lvm vgcreate -qq -y {self.more} {self.name} {_devices(self.on)}\n")

    def configure(self, tree: Path, uuid: Uuid) -> None:
        # There is no udev on a tiny machine.
        busybox.write(tree / "etc/lvm/lvm.conf",
                      "activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }\n"
                      'devices { obtain_device_list_from_udev = 0 hints = "none" }\n'
                      "backup { backup = 0 archive = 0 }\n")


@dataclass(frozen=True)
class Volume:
    name: str  # "vg0/root"
    mib: int
    more: str = ""  # words for lvcreate, and what its type needs of the kernel
    modules: tuple[str, ...] = ()

    programs = ()

    def make(self, uuid: Uuid) -> str:
        group, _, volume = self.name.partition("/")
        return f"lvm lvcreate -qq -y -W y -L {self.mib}M -n {volume} {self.more} {group}\n"

    def configure(self, tree: Path, uuid: Uuid) -> None:
        pass


@dataclass(frozen=True)
class Pool(Volume):
    """Of thin volumes."""
    modules: tuple[str, ...] = ("dm_thin_pool",)

    programs = ("thin_check",)

    def make(self, uuid: Uuid) -> str:
        group, _, volume = self.name.partition("/")
        return f"lvm lvcreate -qq -y --type thin-pool -L {self.mib}M -n {volume} {self.more} {group}\n"


@dataclass(frozen=True)
class Thin(Volume):
    pool: str = ""  # "vg0/pool"

    def make(self, uuid: Uuid) -> str:
        volume = self.name.partition("/")[2]
        return f"lvm lvcreate -qq -y -V {self.mib}M -n {volume} {self.more} --thinpool {self.pool}\n"


@dataclass(frozen=True)
class Crypt:
    """LUKS, opened by a passphrase."""
    name: str
    on: str
    more: str = "--type luks2 --pbkdf argon2id --pbkdf-memory 8192 --pbkdf-parallel 1 --pbkdf-force-iterations 4"
    key: str = ""  # a file in the root by which the running system opens it

    modules = ("dm_crypt", "xts", "ecb", "algif_skcipher")
    programs = ("cryptsetup", "dmsetup")

    def make(self, uuid: Uuid) -> str:
        there = device(self.on, MAKER_DISKS)
        return (f"printf %s '{PASSPHRASE}' > /passphrase\n"
                f"cryptsetup luksFormat -q {self.more} --uuid {uuid(self.name)} --key-file /passphrase {there}\n"
                f"cryptsetup open --key-file /passphrase {there} {self.name}\n" +
                (f"cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /passphrase "
                 f"{there} {self.key}\n" if self.key else ""))

    def configure(self, tree: Path, uuid: Uuid) -> None:
        _append(tree / "etc/crypttab", "", f"{self.name} UUID={uuid(self.name)} {self.key or 'none'} luks,discard\n")


Layer = Raid | Group | Volume | Crypt

# One function for a step, of which the initrd takes as many as the root needs. A leg that does not come is waited for,
# but not for ever.
_ASSEMBLE = """\
tries=0
assemble() {
  tries=$((tries + 1))
  mkdir -p /run
  ! [ -e /etc/mdadm/mdadm.conf ] || assemble_arrays
  ! [ -e /etc/crypttab ] || unlock_all
  ! [ -e /etc/lvm/lvm.conf ] || lvm vgchange -qq -ay > /dev/null 2>&1
}
assemble_arrays() {
  for place in /sys/class/block/*; do
    [ -n "$(ls $place/holders)" ] || mdadm -q --incremental /dev/${place##*/} 2> /dev/null
  done
  [ $tries -le 20 ] || for place in /sys/block/md*; do
    [ "$(cat $place/md/array_state)" != inactive ] || mdadm -q --run /dev/${place##*/}
  done
}
unlock_all() {
  while read -r name device key options <&3; do
    device=$(blkid -U ${device#UUID=}) && ! [ -b /dev/mapper/$name ] || continue
    [ $key = none ] || ! [ -e $key ] || cryptsetup open --key-file $key $device $name
    [ $key != none ] || unlock $device $name
  done 3< /etc/crypttab
}
unlock() {
  while ! { [ -n "$passphrase" ] && printf %s "$passphrase" | cryptsetup open --key-file - $1 $2; }; do
    echo; printf "Please unlock disk $2: "
    stty -echo; read -r passphrase; stty echo
    echo
  done
}
assemble_rest() {
  for layer in LAYERS; do
    until [ -b $layer ] || [ $tries -gt 60 ]; do assemble; sleep 0.1; done
  done
}
"""


def configure(tree: Path, layers: tuple[Layer, ...], uuid: Uuid) -> None:
    """The programs and the configuration, into a root or an initrd."""
    for program in sorted({name for layer in layers for name in layer.programs} | {"blkid", "lsblk"}):
        _install(tree, program)
    for layer in layers:
        layer.configure(tree, uuid)
    there = " ".join(device(layer.name) for layer in layers if not isinstance(layer, (Group, Pool)))
    busybox.write(tree / "etc/layers", _ASSEMBLE.replace("LAYERS", there))


def modules(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    return tuple(sorted({module for layer in layers for module in layer.modules}))


_LVM_NAMES = ("pvs", "vgs", "lvs", "pvcreate", "vgcreate", "lvcreate", "vgchange", "lvchange", "pvscan", "vgscan",
              "lvmconfig", "lvmdevices", "vgcfgbackup")
# glibc loads it by name when a thread of cryptsetup's ends.
_UNSEEN = {"cryptsetup": "/lib/x86_64-linux-gnu/libgcc_s.so.1"}


def _install(tree: Path, program: str) -> None:
    place = Path("/sbin") / program
    own = UNPACKED / "sbin" / program
    busybox.install_program(tree, own if own.exists() else Path(shutil.which(program)), place)
    if program in _UNSEEN:
        busybox.install_program(tree, Path(_UNSEEN[program]))
    if program == "lvm":
        for name in _LVM_NAMES:
            (tree / "sbin" / name).symlink_to("lvm")


def _append(file: Path, head: str, line: str) -> None:
    before = file.read_text() if file.exists() else head
    busybox.write(file, before + line)


def mdadm_uuid(uuid: str) -> str:
    """As mdadm shows it."""
    digits = uuid.replace("-", "")
    return ":".join(digits[at:at + 8] for at in range(0, 32, 8))
