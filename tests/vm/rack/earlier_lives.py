"""Disks that were others' before they were put into a node: what lies there must not come back, or keep away."""

import inspect
import shutil
from pathlib import Path

from . import disk, layered, layers, maker
from .golden import cached
from .layers import mdadm_uuid
from .layers_rack import LAYOUT, SIZES, TABLE

# What of the node's own disks each was, and of two more: one with the golden machine's names on it, one with others'.
TARGETS = ("leg1", "leg2", "home")
NAMESAKE, PRECIOUS = "namesake", "precious"
_OTHER_UUID = "0ddba11c:00000000:00000000:00000001"

# A group of the same name is not seen by the other's commands. Of arrays that lie at the end of what they are on, the
# content begins where that does.
_SCRIPT = f"""\
array() {{
  name=$1 metadata=$2 uuid=$3 leg=$4
  mdadm --create /dev/$name --run --quiet --metadata=$metadata --level=1 --homehost=old --name=$name --uuid=$uuid \
    --raid-devices=2 $leg missing
}}
group() {{
  lvm pvcreate -qq -y --devices $2 $2
  lvm vgcreate -qq -y --devices $2 $1 $2
}}
end() {{ lvm vgchange -qq --devices $2 -an $1; }}
volume() {{ lvm lvcreate -qq -y -W n --devices $1 -L $2M -n $3 $4; }}
encrypt() {{ cryptsetup luksFormat -q $1 --key-file /passphrase $2; }}
printf old > /passphrase
luks1="--type luks1 --pbkdf-force-iterations 1000"
luks2="--type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000"

# As the golden machine: each in the very place where the clone's will be.
array md5 1.2 {mdadm_uuid(LAYOUT.uuid("md0"))} /dev/vda2
group vg0 /dev/md5
volume /dev/md5 100 root vg0
volume /dev/md5 8 swap vg0
volume /dev/md5 24 secret vg0
encrypt "$luks2" /dev/mapper/vg0-root
encrypt "$luks2" /dev/mapper/vg0-swap
mkswap /dev/mapper/vg0-secret
end vg0 /dev/md5

array md6 1.0 {_OTHER_UUID} /dev/vdb
encrypt "$luks2" /dev/md6

array md7 1.0 {mdadm_uuid(LAYOUT.uuid("md0"))} /dev/vdc1
group data-vg /dev/vdc2
volume /dev/vdc2 12 home data-vg
end data-vg /dev/vdc2
mkswap /dev/vdc3

array md8 1.0 {mdadm_uuid(LAYOUT.uuid("md0"))} /dev/vdd1
encrypt "$luks1 --uuid {LAYOUT.uuid("secret")}" /dev/vdd2
group vg0 /dev/vdd3

group precious /dev/vde
volume /dev/vde 8 accounts precious
echo 'years of accounts' > /dev/mapper/precious-accounts
end precious /dev/vde

sync
for name in md5 md6 md7 md8; do mdadm --stop --quiet /dev/$name; done
"""


def earlier_lives() -> Path:
    """A folder with NAME.img of each."""
    sources = "".join(inspect.getsource(inspect.getmodule(one)) for one in (earlier_lives, layers.device, maker.part))
    return cached("earlier-lives", sources + repr(LAYOUT), _build)


def _build(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    leg1, leg2, home, namesake, precious = images = [folder / f"{name}.img" for name in (*TARGETS, NAMESAKE, PRECIOUS)]
    disk.write_table(leg1, SIZES[0], TABLE, "gpt")
    disk.write_table(home, SIZES[2], "start=1MiB, size=20MiB, type=R\nsize=20MiB, type=V\ntype=S\n", "gpt")
    disk.write_table(namesake, 40, "start=1MiB, size=8MiB, type=R\nsize=8MiB, type=L\ntype=V\n", "gpt")
    for image, mib in (leg2, SIZES[1]), (precious, 24):
        with image.open("wb") as file:
            file.truncate(mib << 20)
    maker.run_inside(_SCRIPT, folder / "made", list(map(maker.whole, images)),
                     ["virtio_rng", *layered.modules(LAYOUT)], 512,
                     lambda tree: layers.configure(tree, LAYOUT.layers, LAYOUT.uuid))
