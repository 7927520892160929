#!/usr/bin/env python3
"""Who of ka-server may do what while a job runs, with the real programs as root: privileges_test.py NAME…, or all.

The process that has the network is nobody, sees nothing, and gets nothing done but what was written down; the keeper,
which is root, has no part of the network. Whichever of them ends, nothing of the other is left.
"""

import ctypes
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys

import rack
from boot_test import Apart
from rack import Rack, check, children, digest, finish, keeper_of, kill, status_of, wait_until
from shelf_test import Image

LIMIT = 60
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def is_there(pid):
    try:
        return status_of(pid)["State"][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def sockets(pid):
    names = (os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
    return {name for name in names if name.startswith("socket:")}


def of_the_network(pid):
    """Its sockets that are no Unix ones."""
    with open(f"/proc/{pid}/net/unix", encoding="utf-8") as file:
        local = {f"socket:[{line.split()[6]}]" for line in file.readlines()[1:]}
    return sockets(pid) - local


class Waiting:
    """A job that has its ports open and waits for two nodes."""

    def __init__(self, *words):
        self.rack = Rack(2)
        self.words = words

    def __enter__(self):
        self.rack.__enter__()
        self.source, self.digest = self.rack.source(8)
        words = self.words or ("-f", self.source)
        self.server = self.rack.server("-n", "2", "--json", self.rack.path("report"), *words)
        self.rack.wait_for_greeting("n1", "10.99.0.2")
        self.keeper = keeper_of(self.server.pid)
        return self

    def __exit__(self, *words):
        self.rack.__exit__(*words)

    def expect_end(self, why, report="report"):
        status, said = finish(self.server)
        check(status == 1 and why in said, f"{why}: it ended with {status}: {said}")
        with open(self.rack.path(report), encoding="utf-8") as file:
            report = json.load(file)
        check(why in report["error"] and report["result"] == "failed", f"{why}: the report says {report}")
        wait_until(lambda: not is_there(self.keeper), LIMIT, "the keeper has ended")


def who_has_the_network_has_no_rights():
    with Waiting() as job:
        told = status_of(job.server.pid)
        ids = set(told["Uid"].split() + told["Gid"].split())
        check("0" not in ids and len(ids) <= 2, f"it is {ids}")
        check(told["Groups"].strip() == "", f"it has groups: {told['Groups']}")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            check(int(told[name], 16) == 0, f"{name} is {told[name]}")
        check((told["NoNewPrivs"], told["Seccomp"]) == ("1", "2"), str(told))
        check(of_the_network(job.server.pid) != set(), "it has no port")
        for number in ("mnt", "ipc", "uts"):
            own, other = (os.readlink(f"/proc/{pid}/ns/{number}") for pid in (job.server.pid, "self"))
            check(own != other, f"it has this machine's {number} namespace")
        # What it would have to find to read it: nothing of this machine is below its root.
        root = f"/proc/{job.server.pid}/root"
        check(set(os.listdir(root)) <= {"run"}, str(os.listdir(root)))
        check(not os.path.exists(root + "/etc/shadow") and os.path.exists("/etc/shadow"), "it sees /etc/shadow")
        check(os.statvfs(root).f_flag & os.ST_RDONLY, "its root can be written to")
        told = status_of(job.keeper)
        check(told["Uid"].split()[0] == "0", "the keeper is not root, so this test shows nothing")
        check(of_the_network(job.keeper) == set(), "the keeper has a part of the network")
        for name in ("n1", "n2"):
            client = job.rack.client(name)
            if name == "n2":
                finish(client)
        status, said = finish(job.server)
        check(status == 0, f"{status}: {said}")
        for name in ("n1", "n2"):
            check(digest(job.rack.path(name)) == job.digest, f"{name} has other bytes")
        report = os.stat(job.rack.path("report"))
        check(report.st_uid == 0 and stat.S_ISREG(report.st_mode), "the report is not root's")
        check(not is_there(job.keeper), "the keeper is left")


def its_socket(pid):
    """The end of the pair to the keeper that process has, as a socket here."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.syscall(PIDFD_OPEN, pid, 0)
    check(handle >= 0, f"pidfd_open: {os.strerror(ctypes.get_errno())}")
    for name in os.listdir(f"/proc/{pid}/fd"):
        if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
            continue
        fd = libc.syscall(PIDFD_GETFD, handle, int(name), 0)
        if fd < 0:
            continue
        held = socket.socket(fileno=fd)
        if held.type & 0xf == socket.SOCK_SEQPACKET:
            return held
        held.close()
    raise AssertionError(f"{pid} has no socket to a keeper")


def what_is_no_errand_is_refused_and_ends_the_job():
    cases = ((b"run\x007\x00/bin/sh -c id", 'there is no errand "run"'),
             (b"source\x009\x00/etc/shadow", '"/etc/shadow" is no number'),
             (b"source\x009\x007", "there is no session of number 7"),
             (b"source\x000\x000", "errand 0 was there already"),
             (b"pack\x009\x000\x00-o/etc/passwd", '"pack" with 3 words'),
             (b"store-log\x009\x00../../../etc/shadow.log", '"../../../etc/shadow.log" is no name of a log'),
             (b"event\x009\x00PATH=/tmp\x00{}", '"PATH=/tmp" is no name of an event'),
             (b"\xff" * 100_000, "there is no errand"))
    for datagram, why in cases:
        with Waiting() as job:
            with its_socket(job.server.pid) as end:
                end.send(datagram)
            job.expect_end("the keeper refused what it was asked for: " + why)


def what_this_job_has_not_is_no_errand_of_it():
    """And harms nobody."""
    with Waiting() as job:
        with its_socket(job.server.pid) as end:
            words = (b"log-folder\x00%d", b"event\x00%d\x00node\x00{}", b"dnsmasq\x00%d\x00open",
                     b"boot-file\x00%d\x00a\x00b\x00c\x00d\x00e\x00f\x00g", b"keep-warnings\x00%d")
            for number, each in enumerate(words, 1):
                end.send(each % number)
        for name in ("n1", "n2"):
            last = job.rack.client(name)
        # Numbers below those are taken.
        status, said = finish(job.server)
        check(status == 1 and "was there already" in said, f"{status}: {said}")
        finish(last)


def a_keeper_that_is_killed_ends_the_job():
    with Waiting() as job:
        os.kill(job.keeper, signal.SIGKILL)
        # Who could put the report into its place is gone.
        job.expect_end("the keeper has ended, the process of ka-server that has root's rights", "report.ka-new")


def a_server_that_is_killed_leaves_no_keeper_and_no_source():
    with Waiting("-e", "echo $$ >&2; exec sleep 1000") as job:
        clients = [job.rack.client(name) for name in ("n1", "n2")]
        wait_until(lambda: children(job.keeper) != [], LIMIT, "the source runs")
        source = children(job.keeper)[0]
        kill(job.server)
        for pid in (job.keeper, source):
            wait_until(lambda pid=pid: not is_there(pid), LIMIT, f"{pid} has ended")
        for client in clients:
            client.kill()


def the_operator_ends_both():
    for signals, statuses in (((signal.SIGINT,), (130,)), ((signal.SIGTERM, signal.SIGTERM), (130,))):
        with Waiting("-e", "exec sleep 1000") as job:
            for name in ("n1", "n2"):
                job.rack.client(name)
            wait_until(lambda: children(job.keeper) != [], LIMIT, "the source runs")
            source = children(job.keeper)[0]
            for number in signals:
                os.killpg(job.server.pid, number)
            status, said = finish(job.server)
            check(status in statuses, f"{signals}: {status}: {said}")
            for pid in (job.keeper, source):
                wait_until(lambda pid=pid: not is_there(pid), LIMIT, f"{pid} has ended")
            with open(job.rack.path("report"), encoding="utf-8") as file:
                check(json.load(file)["result"] == "interrupted", "the report says something else")


def nothing_is_missing_that_a_boot_server_needs():
    """--pxe, --on-event and a report, all of them by a process without rights."""
    with Apart() as apart:
        image = Image(apart.path("image"))
        program = apart.write("told", "#!/bin/sh\necho \"$KA_EVENT $(id -u)\" >> " + apart.path("events") + "\n")
        os.chmod(program, 0o755)
        with open(apart.path("said"), "w", encoding="utf-8") as said:
            server = apart.start("s", apart.program, "deploy", image.folder, *apart.serves(), "-n", "1", "--pxe", "-i",
                                 "eth0", "--pxe-values", apart.path("values"), "--on-event", program, "--json",
                                 apart.path("report"), stdout=said, stderr=subprocess.STDOUT)
        apart.wait_for("Listening on TCP")
        apart.wait_until_answered()
        menu = apart.loads("X86PC/linux/pxelinux.cfg/default")
        check("kaserver=10.99.0.2:30765" in menu, menu)
        kernel = re.search(r"http://\S*/vmlinuz", menu)
        check(kernel, f"no kernel by HTTP in {menu}")
        got = finish(apart.start("n2", "busybox", "wget", "-q", "-O", apart.path("kernel"), kernel[0]))
        check(got[0] == 0, f"{kernel[0]}: {got[1]} {apart.said()}")
        check("0" not in status_of(server.pid)["Uid"].split(), "it is root")
        keeper = keeper_of(server.pid)
        folders = [name for name in os.listdir("/run") if name.startswith(f"ka-boot.{server.pid}.")]
        check(len(folders) == 1, f"{folders}")
        kill(server)
        wait_until(lambda: not is_there(keeper), LIMIT, "the keeper has ended")
        apart.wait_until_silent()
        check(not os.path.exists("/run/" + folders[0]), "its boot files are left")
        with open(apart.path("events"), encoding="utf-8") as file:
            check("job_began 0\n" in file.read(), "events are not told by root's program")


PUT_SERVER = """
import http.server
class Taker(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        with open("FOLDER/" + self.path.rsplit("/", 1)[1], "wb") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(201)
        self.end_headers()
http.server.HTTPServer(("", 8000), Taker).serve_forever()
"""


def logs_are_kept_and_handed_on():
    with Rack(2) as rack_:
        image = Image(rack_.path("image"))
        os.makedirs(rack_.path("taken"))
        rack_.start("n2", sys.executable, "-c", PUT_SERVER.replace("FOLDER", rack_.path("taken")))
        rack_.start("n1", "busybox", "nc", "-ll", "-p", "12345", "-e", "echo", "I am a node")
        rack_.wait_for_listener("n2", 8000)
        rack_.wait_for_listener("n1", 12345)
        server = rack_.start("s", "sh", "-c", "mount -t tmpfs none /var/log && exec \"$@\"", "sh",
                             rack.program("ka-server"), "deploy", image.folder, "-n", "1", "--open", "--store-log",
                             "http://10.99.0.4:8000/logs/")
        rack_.wait_for_greeting("n1", "10.99.0.2")
        finish(rack_.start("n1", rack.program("ka-client"), "-s", "getstage2", "--open", "-t", "20", "-o",
                           rack_.path("got")))
        folder = f"/proc/{keeper_of(server.pid)}/root/var/log/ka/monday"
        wait_until(lambda: os.path.isdir(folder) and any(os.stat(os.path.join(folder, name)).st_size > 20
                                                         for name in os.listdir(folder)), LIMIT, "a log is kept")
        owner = status_of(server.pid)["Uid"].split()[0]
        kept = [os.path.join(folder, name) for name in os.listdir(folder)]
        check(owner != "0" and {str(os.stat(path).st_uid) for path in [folder, *kept]} == {owner}, f"not {owner}'s")
        server.send_signal(signal.SIGINT)
        status, said = finish(server)
        check(status == 130, f"{status}: {said}")
        taken = {name: open(rack_.path("taken/" + name), encoding="utf-8").read() for name in
                 os.listdir(rack_.path("taken"))}
        check(taken != {} and all("I am a node" in text for text in taken.values()), f"{taken} {said}")


if __name__ == "__main__":
    rack.run_tests([who_has_the_network_has_no_rights, what_is_no_errand_is_refused_and_ends_the_job,
                    what_this_job_has_not_is_no_errand_of_it, a_keeper_that_is_killed_ends_the_job,
                    a_server_that_is_killed_leaves_no_keeper_and_no_source, the_operator_ends_both,
                    nothing_is_missing_that_a_boot_server_needs, logs_are_kept_and_handed_on])
