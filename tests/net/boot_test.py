#!/usr/bin/env python3
"""A job on one machine, `ka-server boot` with its dnsmasq on another, and machines that ask by PXE: boot_test.py NAME…,
or all. s is the boot server, n1 the golden node, n2 asks, as whatever machine it likes.
"""

import json
import os
import shutil
import signal
import subprocess
import sys

import rack
from rack import Rack, check, finish, kill, wait_until
from shelf_test import Image

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
GOLDEN = "10.99.0.3"
LIMIT = 120
CARDS = [f"52:54:00:77:00:0{number}" for number in range(1, 6)]


class Apart(Rack):
    """With KA installed below its folder; what `ka-server boot` says is in its file `said`."""

    def __init__(self):
        super().__init__(2)

    def build(self):
        super().build()
        for folder in ("sbin", "share/ka", "lib/ka/boot"):
            os.makedirs(self.path(folder))
        self.program = shutil.copy(rack.program("ka-server"), self.path("sbin/ka-server"))
        shutil.copytree(os.path.join(SOURCE, "pxe-config"), self.path("share/ka/pxe-config"))
        for name in ("vmlinuz", "all.rdz"):
            self.write(f"lib/ka/boot/{name}", name)
        self.write("values", "efi-loader = none\n")

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def boot(self, *words):
        with open(self.path("said"), "w", encoding="utf-8") as said:
            self.key_file()
            booted = self.start("s", self.program, "boot", GOLDEN, "--kakey", self.public, "-i", "eth0", "--pxe-values",
                                self.path("values"), *words, stdout=said, stderr=subprocess.STDOUT)
        return booted

    def said(self):
        with open(self.path("said"), encoding="utf-8") as file:
            return file.read()

    def wait_for(self, words, count=1):
        wait_until(lambda: self.said().count(words) >= count, LIMIT, f"ka-server boot says {words!r} {count}x:\n")

    def is_answered(self, card=CARDS[0], vendor="PXEClient:Arch:00000:UNDI:002001"):
        return self.offered(card, vendor) is not None

    def offered(self, card=CARDS[0], vendor="PXEClient:Arch:00000:UNDI:002001", architecture=0, *more):
        """The boot file that the answer's header names; None: no answer."""
        asked = self.start("n2", sys.executable, os.path.join(SOURCE, "tests/pxe/offered.py"), "eth0", vendor,
                           str(architecture), card, *more, stdout=subprocess.PIPE)
        said = asked.communicate(timeout=LIMIT)[0]
        return said.strip() if asked.returncode == 0 else None

    def wait_until_answered(self, card=CARDS[0]):
        wait_until(lambda: self.is_answered(card), LIMIT, f"{card} is answered; {self.said()}")

    def wait_until_silent(self, card=CARDS[0]):
        wait_until(lambda: not self.is_answered(card), LIMIT, f"{card} is not answered; {self.said()}")

    def loads(self, path):
        """What n2 gets by TFTP; None: no such file."""
        got = self.path("got")
        asked = self.start("n2", "busybox", "tftp", "-g", "-r", path, "-l", got, "10.99.0.2")
        if finish(asked)[0] != 0:
            return None
        with open(got, encoding="utf-8") as file:
            return file.read()


def a_job_on_another_machine_is_followed_while_it_is_there():
    with Apart() as apart:
        image = Image(apart.path("image"))
        boot = apart.boot()
        apart.wait_for("nobody listens there")
        check(not apart.is_answered(), "a machine is answered, and there is no job")
        for last in (False, True):
            golden = apart.start("n1", apart.program, "deploy", image.folder, *apart.serves(), "-n", "2")
            apart.wait_until_answered()
            check("0 of 2 done" in apart.said(), apart.said())
            words = apart.loads("X86PC/linux/pxelinux.cfg/default")
            check(f"kaserver={GOLDEN}:30765" in words, f"nodes are not told where the job is: {words}")
            check(f" kakey={apart.public} " in words, f"nodes are not told whom to believe: {words}")
            if last:
                golden.send_signal(signal.SIGINT)
                finish(golden)
                apart.wait_for("The job has ended: interrupted")
            else:
                kill(golden)
                finish(golden)
            apart.wait_until_silent()
        boot.send_signal(signal.SIGTERM)
        status, _ = finish(boot)
        check(status == 0, f"ka-server boot ended with {status}: {apart.said()}")
        check(not apart.is_answered(), "something answers that should have ended")


def a_rom_that_is_ipxe_is_given_a_script_and_others_are_not():
    for words in ((), ("--dhcp", "10.99.0.100,10.99.0.120")):
        with Apart() as apart:
            image = Image(apart.path("image"))
            boot = apart.boot(*words)
            golden = apart.start("n1", apart.program, "deploy", image.folder, *apart.serves(), "-n", "2")
            apart.wait_until_answered(CARDS[1])  # dnsmasq looks whether an address is free before it gives it away
            bios, uefi = "PXEClient:Arch:00000:UNDI:002001", "PXEClient:Arch:00007:UNDI:003010"
            name = apart.offered(CARDS[1], bios, 0, "iPXE")
            check(name == "/X86PC/linux/boot.ipxe", f"{words}: iPXE is given {name}")
            for more in ((bios, 0), (uefi, 7, "iPXE"), (bios, 0, "another")):
                name = apart.offered(CARDS[1], *more) or ""
                check("ipxe" not in name, f"{more} is given {name}")
            script = apart.loads("X86PC/linux/boot.ipxe")
            kernel, = (line for line in script.splitlines() if line.startswith("kernel "))
            label = apart.loads("X86PC/linux/pxelinux.cfg/default").partition("label kamethod")[2]
            append = label.partition("APPEND ")[2].splitlines()[0].partition(" ")[2]
            check(kernel.split()[2:-5] == append.split(), f"{kernel}\nand pxelinux's words are\n{append}")
            for process in (boot, golden):
                process.send_signal(signal.SIGINT)
                finish(process)


def with_once_it_ends_with_the_job_and_as_it_did():
    with Apart() as apart:
        image = Image(apart.path("image"))
        golden = apart.start("n1", apart.program, "deploy", image.folder, *apart.serves(), "-n", "2")
        boot = apart.boot("--once")
        apart.wait_until_answered()
        golden.send_signal(signal.SIGINT)
        status, _ = finish(boot)
        check(status == 1 and "interrupted, 0 of 2 done" in apart.said(), f"{status}: {apart.said()}")


class Golden:
    """A job of which the test says how it is."""

    def __init__(self, apart, job):
        self.process = apart.start("n1", sys.executable, os.path.join(HERE, "documents.py"), "30765",
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.job = job

    def says(self, *states, result="waiting", **fields):
        nodes = [{"number": number, "address": f"10.99.1.{number}", "host_name": f"node{number}",
                  "hardware_address": CARDS[number], "state": state, "stage": "", "reason": "the disk is gone",
                  "failures": fields.get("failures", 0) if state == "failed" else 0, "round": 1, "order": 0,
                  "received": 0, "sunk": 0, "rate": 0} for number, state in enumerate(states)]
        document = {"version": 1, "id": self.job, "session": "ka", "nodes_wanted": 5, "state": result, "error": "",
                    "running": None, "nodes": nodes,
                    "plan": {"sessions": ["getstage2", fields.get("session", "kainstall1"), "kainstall2"]}}
        self.process.stdin.write(json.dumps(document) + "\n")
        self.process.stdin.flush()

    def vanishes(self):
        self.process.stdin.close()
        self.process.wait()


def machines_are_told_by_their_state_in_the_job():
    with Apart() as apart:
        apart.boot()
        golden = Golden(apart, "first")
        golden.says("done", "running", "failed", "finishing", failures=1)
        apart.wait_until_silent(CARDS[0])
        for card in CARDS[1:]:
            apart.wait_until_answered(card)
        own = "X86PC/linux/pxelinux.cfg/01-" + CARDS[2].replace(":", "-")
        check(apart.loads(own) is None, "it has failed once only")
        golden.says("done", "running", "failed", "finishing", failures=2)
        apart.wait_for("node2, 52:54:00:77:00:03 is shown why it failed")
        screen = apart.loads(own)
        check("SAY the disk is gone" in screen and "SAY node2, 52:54:00:77:00:03" in screen, screen)
        golden.vanishes()
        for card in CARDS:
            apart.wait_until_silent(card)

        # Another one in its place: who was done there stays so, and who may have come to its end alone.
        golden = Golden(apart, "second")
        golden.says()
        for card in (CARDS[1], CARDS[2], CARDS[4]):
            apart.wait_until_answered(card)
        for card in (CARDS[0], CARDS[3]):
            check(not apart.is_answered(card), f"{card} is a clone, and would be made one again")
        check(apart.loads(own) is None, "the failures of another job are told")
        golden.says("waiting", "waiting", "waiting", "failed", failures=1)
        apart.wait_until_silent(CARDS[0])
        golden.says("waiting", "done", "waiting", "waiting", result="done")
        apart.wait_for("The job has ended: done, 1 of 5 done")
        for card in CARDS:
            apart.wait_until_silent(card)
        golden.vanishes()

        # After an end, the next job is one that somebody has begun.
        golden = Golden(apart, "third")
        golden.says()
        for card in CARDS:
            apart.wait_until_answered(card)
        golden.vanishes()


def what_is_no_clone_or_no_job_is_not_followed():
    with Apart() as apart:
        apart.boot()
        golden = Golden(apart, "files")
        golden.says(session="files")
        apart.wait_for("clones no machine")
        check(not apart.is_answered(), "a machine is answered for a job that is no clone")
        golden.process.stdin.write('{"version": 1, "nodes": 7}\n')
        golden.process.stdin.flush()
        apart.wait_for("that is no status of a ka-server")
        check(not apart.is_answered(), "a machine is answered for nonsense")


def only_the_machines_meant_are_answered():
    with Apart() as apart:
        apart.boot("--only", apart.write("only", f"meant {CARDS[1]}\n"))
        golden = Golden(apart, "first")
        golden.says("running", "running")
        apart.wait_until_answered(CARDS[1])
        check(not apart.is_answered(CARDS[0]), "a machine is answered that is not in the list")
        golden.says("running", "done")
        apart.wait_until_silent(CARDS[1])
        golden.says("running", "done", result="done")
        apart.wait_for("The job has ended: done")
        golden.vanishes()
        Golden(apart, "second").says()
        apart.wait_until_answered(CARDS[1])
        check(not apart.is_answered(CARDS[0]), "a machine is answered that is not in the list")


def files_in_a_foreign_tree_follow_the_job_and_go_with_it():
    with Apart() as apart:
        image = Image(apart.path("image"))
        os.makedirs(apart.path("tftp/pxelinux.cfg"))
        menu = "DEFAULT local\nLABEL local\n  LOCALBOOT 0\nLABEL kamethod\n  KERNEL vmlinuz\n"
        default = apart.write("tftp/pxelinux.cfg/default", menu)
        foreign = apart.write("tftp/pxelinux.cfg/01-aa-aa-aa-aa-aa-aa", "DEFAULT local\n")
        own = [apart.path("tftp/pxelinux.cfg/01-" + card.replace(":", "-")) for card in CARDS]
        words = ("--pxelinux-dir", apart.path("tftp"), "--only", apart.write("only", f"meant {CARDS[0]} {CARDS[1]}\n"))

        def holds(path, text):
            with open(path, encoding="utf-8") as file:
                return text in file.read()

        deploy = (apart.program, "deploy", image.folder, *apart.serves(), "-n", "2", *words)
        # By itself, on the machine of the job: killed, then ended.
        job = apart.start("n1", *deploy)
        wait_until(lambda: os.path.exists(own[1]), LIMIT, "there is a file for each machine")
        check(holds(own[0], "DEFAULT kamethod\nLABEL kamethod\n  KERNEL vmlinuz\n"), "the label is not copied")
        # A keeper that lives would remove them.
        os.kill(rack.keeper_of(job.pid), signal.SIGKILL)
        kill(job)
        finish(job)
        check(os.path.exists(own[0]), "this test needs what a killed one leaves")
        left = shutil.move(own[0], apart.path("tftp/pxelinux.cfg/01-52-54-00-77-00-99"))
        job = apart.start("n1", *deploy)
        wait_until(lambda: not os.path.exists(left), LIMIT, "what was left is removed")
        wait_until(lambda: os.path.exists(own[0]), LIMIT, "there is a file for each machine again")
        job.send_signal(signal.SIGINT)
        finish(job)
        check(not os.path.exists(own[0]) and not os.path.exists(own[1]), "files stay after the job")

        # And followed from the boot server.
        with open(apart.path("said"), "w", encoding="utf-8") as said:
            boot = apart.start("s", apart.program, "boot", GOLDEN, *words, stdout=said, stderr=subprocess.STDOUT)
        wait_until(lambda: os.path.exists(own[1]) and holds(own[1], "DEFAULT local"), LIMIT, "no job is there yet")
        golden = Golden(apart, "first")
        golden.says("done", "running")
        wait_until(lambda: holds(own[1], "DEFAULT kamethod"), LIMIT, "a machine is wanted")
        check(holds(own[0], "DEFAULT local"), "a clone would be made one again")
        golden.vanishes()
        wait_until(lambda: holds(own[1], "DEFAULT local"), LIMIT, "the job is gone")
        boot.send_signal(signal.SIGTERM)
        status, _ = finish(boot)
        check(status == 0 and not os.path.exists(own[0]), f"{status}: {apart.said()}")
        check(holds(default, menu) and holds(foreign, "DEFAULT local\n"), "files of others were changed")

        os.rename(foreign, own[1])
        status, said = finish(apart.start("n1", *deploy))
        check(status == 1 and own[1] in said and "move it away" in said, f"{status}: {said}")
        check(sorted(os.listdir(apart.path("tftp/pxelinux.cfg"))) == [os.path.basename(own[1]), "default"],
              "something was written all the same")


def how_far_a_job_is_can_be_asked_from_another_machine():
    with Apart() as apart:
        def status_of(*words):
            asked = apart.start("s", apart.program, "status", *words, stdout=subprocess.PIPE)
            said, wrong = asked.communicate(timeout=LIMIT)
            return asked.returncode, said + wrong

        status, said = status_of(GOLDEN)
        check(status == 1 and "nobody listens there" in said, f"{status}: {said}")
        job = apart.start("n1", apart.program, "send", "-s", "x", *apart.serves(), "-n", "2", "-e", "cat")
        apart.wait_for_listener("n1", 30765)
        wait_until(lambda: status_of(GOLDEN)[0] == 0, LIMIT, "the job tells its status")
        check("2 wanted" in status_of(GOLDEN + ":30765")[1], "the table is another one")
        check(json.loads(status_of("--json", GOLDEN)[1])["session"] == "x", "--json gives another job")
        job.send_signal(signal.SIGINT)
        finish(job)
        # As a ka-server answers that knows nothing of this: it closes the connection.
        old = apart.start("n1", sys.executable, "-c", "import socket\nwith socket.create_server(('', 30765)) as s:\n"
                          " while True:\n  g = s.accept()[0]\n  g.recv(9)\n  g.close()")
        apart.wait_for_listener("n1", 30765)
        status, said = status_of(GOLDEN)
        check(status == 1 and "an older ka-server, whose job is only seen by the link" in said, f"{status}: {said}")
        kill(old)


def what_is_wrong_is_said_first():
    with Apart() as apart:
        for words, why in (((), "host = 10.0.1.1"), (("127.0.0.1",), "this machine itself"),
                           (("10.0.0.1:0",), "HOST or HOST:PORT"), (("golden node",), "HOST or HOST:PORT"),
                           (("10.0.0.1",), "--kakey KEY")):
            tried = apart.start("s", apart.program, "boot", "--config", apart.write("empty.conf", "\n"), *words)
            status, said = finish(tried)
            check(status == 2 and why in said, f"boot {words} ended with {status}: {said}")
        conf = apart.write("boot.conf", f"host = {GOLDEN}\ninterface = eth9\nopen = true\n")
        status, said = finish(apart.start("s", apart.program, "boot", "--config", conf))
        check(status == 1 and "eth9" in said, f"{status}: {said}")


TESTS = [a_job_on_another_machine_is_followed_while_it_is_there,
         a_rom_that_is_ipxe_is_given_a_script_and_others_are_not, with_once_it_ends_with_the_job_and_as_it_did,
         machines_are_told_by_their_state_in_the_job, what_is_no_clone_or_no_job_is_not_followed,
         only_the_machines_meant_are_answered, files_in_a_foreign_tree_follow_the_job_and_go_with_it,
         how_far_a_job_is_can_be_asked_from_another_machine, what_is_wrong_is_said_first]


if __name__ == "__main__":
    rack.run_tests(TESTS)
