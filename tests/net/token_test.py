#!/usr/bin/env python3
"""Whose word counts when a machine says which one it is, with the real programs as root: token_test.py NAME…, or all.

With --pxe and --only, each machine that may come has a token for its next boot in boot files of its own, and nobody
comes without it.
"""

import os
import re
import subprocess
import sys

import rack
from boot_test import CARDS, LIMIT, Apart
from rack import check, wait_until
from shelf_test import Image

MEANT, STRANGER = CARDS[1], CARDS[0]


class Job(Apart):
    """`ka-server deploy --pxe --only`; what it says is in its file `said`."""

    def __enter__(self):
        super().__enter__()
        image = Image(self.path("image"))
        only = self.write("only", f"meant {MEANT}\n")
        with open(self.path("said"), "w", encoding="utf-8") as said:
            self.server = self.start("s", self.program, "deploy", image.folder, *self.serves(), "-n", "1", "--pxe",
                                     "-i", "eth0", "--pxe-values", self.path("values"), "--only", only,
                                     stdout=said, stderr=subprocess.STDOUT)
        self.wait_until_answered(MEANT)
        return self

    def files(self, card=MEANT):
        """What that card is given, by loader: pxelinux, iPXE, GRUB."""
        name = "01-" + card.replace(":", "-")
        return [self.loads(path) for path in (f"X86PC/linux/pxelinux.cfg/{name}",
                                              f"X86PC/linux/pxelinux.cfg/{name}.ipxe", f"grub/grub.cfg-{name}")]

    def token(self):
        found = [re.search(r"katoken=([0-9a-f]{32})\n", text or "") for text in self.files()]
        check(all(found), f"no token for one loader in {self.files()}")
        check(len({one[1] for one in found}) == 1, "loaders are given different ones")
        return found[0][1]

    def guest(self, token, own, card=MEANT):
        """What it is told, and the guest, which stays."""
        guest = self.start("n2", os.environ["KA_GUEST"], "10.99.0.2", self.public, card, token, own,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return guest.stdout.readline().strip(), guest

    def refuses(self, words, *guest):
        told, one = self.guest(*guest)
        check(one.wait(timeout=LIMIT) == 1 and words in told, f"{guest} is told: {told}")


def who_has_not_booted_by_this_server_gets_nothing():
    with Job() as job:
        check("Each machine of --only shows a token of its own" in job.said(), job.said())
        job.refuses("it shows no token of --only", "", "")
        job.refuses("its token is of an earlier start", "0" * 32, "own")
        job.refuses("is not in the file of --only", job.token(), "own", STRANGER)
        check([text for text in job.files(STRANGER) if text] == [], "a machine that is not meant has boot files")
        check("is refused" in job.said(), job.said())
        check(job.guest(job.token(), "own")[0] == "admitted", "the right one does not come in")


def a_token_is_of_one_start():
    with Job() as job:
        first = job.token()
        told, guest = job.guest(first, "one")
        check(told == "admitted", told)
        wait_until(lambda: job.token() != first, LIMIT, "the next boot has another token")
        job.refuses("ANOTHER MACHINE HAS SHOWN ITS TOKEN", first, "other")
        check("ANOTHER MACHINE" in job.said(), "the operator is not told")
        guest.stdin.close()
        guest.wait(timeout=LIMIT)
        told, again = job.guest(first, "one")
        check(told == "admitted", f"whose line was cut is told: {told}")
        again.stdin.close()
        second = job.token()
        check(job.guest(second, "two")[0] == "admitted", "the machine cannot start anew")
        job.refuses("its token is of an earlier start", first, "one")


if __name__ == "__main__":
    rack.run_tests([who_has_not_booted_by_this_server_gets_nothing, a_token_is_of_one_start])
