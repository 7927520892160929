#!/usr/bin/env python3
"""A job's lines in a real systemd-journald, in namespaces of its own: journal_test.py NAME…, or all."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import rack
from rack import check, finish, wait_until

JOURNALD = "/lib/systemd/systemd-journald"


class Journal:
    """The namespaces (mounts and network) in which it runs; all in them is gone with it."""

    def __enter__(self):
        script = ("for place in /run /var/log; do mount -t tmpfs none $place || exit; done; ip link set lo up; "
                  f"mkdir -p /run/systemd/journal /run/log/journal; exec {JOURNALD}")
        self.process = subprocess.Popen(["unshare", "-m", "-n", "--propagation", "private", "sh", "-c", script],
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(f"/proc/{self.process.pid}/root/run/systemd/journal/stdout") and
                   self.run("true").wait() == 0 and self.says("journalctl", "-q", "-n1") != "", 60, "a journal")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def run(self, *words, **options):
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(["nsenter", "-t", str(self.process.pid), "-m", "-n", *words], text=True,
                                stdout=subprocess.PIPE, **options)

    def says(self, *words):
        return self.run(*words).communicate(timeout=60)[0]

    def entries(self, *matches):
        lines = self.says("journalctl", "-q", "--no-pager", "-o", "json", "SYSLOG_IDENTIFIER=ka-server", *matches)
        return [json.loads(line) for line in lines.splitlines()]


def job(journal, folder, *before):
    """A server and a client, to their ends; what the server says to its standard error."""
    server = journal.run(*before, rack.program("ka-server"), "send", "-s", rack.SESSION, "--open", "-n", "1", "-e",
                         "echo hello",
                         "--interface", "lo")
    client = journal.run(rack.program("ka-client"), "-s", rack.SESSION, "--open", "-t", "20", "-H", "127.0.0.1", "-o",
                         os.path.join(folder, "got"))
    status, said = finish(client)
    check(status == 0, f"the client ended with {status}: {said}")
    status, said = finish(server)
    check(status == 0, f"the server ended with {status}: {said}")
    return said


def lines_are_found_by_node_and_session():
    with tempfile.TemporaryDirectory() as folder, Journal() as journal:
        said = job(journal, folder)
        check("Added client 127.0.0.1" in said, f"the terminal has lost it: {said}")
        wait_until(lambda: any("is through" in entry["MESSAGE"] for entry in journal.entries()), 60, "the last line")
        of_node = journal.entries("KA_NODE=127.0.0.1")
        check(any("Added client 127.0.0.1" in entry["MESSAGE"] for entry in of_node), f"not of the node: {of_node}")
        check(any(entry.get("KA_STAGE") == rack.SESSION for entry in journal.entries()), "no stage")
        check(len(journal.entries()) == len(journal.entries(f"KA_SESSION={rack.SESSION}")), "no session")


def of_a_service_no_line_is_there_twice():
    """Its standard error is the journal's already, and it is told so, as systemd.exec(5) has it."""
    service = ("systemd-cat", "-t", "ka-server", "sh", "-c",
               'export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && exec "$@"', "sh")
    with tempfile.TemporaryDirectory() as folder, Journal() as journal:
        job(journal, folder, *service)
        wait_until(lambda: any("1 of 1 nodes done" in one["MESSAGE"] for one in journal.entries()), 60, "the result")
        lines = [entry["MESSAGE"] for entry in journal.entries()]
        for text in ("Added client 127.0.0.1", "is through"):
            check(sum(text in line for line in lines) == 1, f"{text}: {lines}")
        check(journal.entries("KA_NODE=127.0.0.1"), "not of the node")


TESTS = [lines_are_found_by_node_and_session, of_a_service_no_line_is_there_twice]


if __name__ == "__main__":
    if not os.path.exists(JOURNALD) or shutil.which("journalctl") is None:
        print("no systemd-journald is here")
        sys.exit(rack.SKIPPED)
    rack.run_tests(TESTS)
