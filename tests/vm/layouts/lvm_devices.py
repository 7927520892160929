"""LVM that looks at no devices but those that its devices file names, as on Red Hat's systems: the clone's file names
the clone's own."""

import re

from rack.disk import BIOS_BOOT
from rack.layered import GoldenDisk, Holds, Layered
from rack.layers import Group, Volume
from rack.layouts import Clone

LONG = True
LAYOUT = Layered("tiny-lvm-devices", (GoldenDisk(180, f"start=1MiB, size=1MiB, type={BIOS_BOOT}\ntype=V\n"),),
                 (Group("vg0", ("1.2",)), Volume("vg0/root", 110), Volume("vg0/home", 30)),
                 {"vg0/root": Holds("ext4", "/"), "vg0/home": Holds("ext4", "/home")})
CLONES = [Clone(40)]
_NAMED = "cat /etc/lvm/devices/system.devices"


def prepare(run, console):
    console.command("sed -i 's/^devices {/devices { use_devicesfile = 1/' /etc/lvm/lvm.conf")
    run.assertEqual(console.command("lvmdevices --adddev /dev/sda2 && pvs --noheadings | grep -q vg0")[0], 0)
    run.assertIn("sda2", console.command(_NAMED)[1])


def look(run, console):
    named = re.findall(r"DEVNAME=(\S+)", console.command(_NAMED)[1])
    run.assertEqual(named, ["/dev/vda2"])
