#!/usr/bin/env python3
"""The page of --web in headless Chromium, with a real job of eight nodes: one is killed, one has a slow line.

    web_test.py [FOLDER]      leaves pictures of it in FOLDER, as docs/ has them

`make check-web` runs it: it needs Debian's chromium.
"""

import json
import os
import re
import signal
import subprocess
import sys

import protocol
import rack
from browser import Browser
from rack import Rack, check, finish, kill, wait_until
from shelf_test import Image

SIZE = 300  # MiB; at 50 Mbit/s 50 seconds
ROWS = "[...document.querySelectorAll('#rows tr:not(.more)')]"


def link_of(server):
    """What the terminal says of it."""
    for line in server.stderr:
        found = re.search(r"http://\S+", line)
        if found:
            return found[0]
    raise AssertionError("no link was printed")


def client(here, name):
    """On a host of that name."""
    return here.start(name, "unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', "node" + name[1:],
                      rack.program("ka-client"), "-s", rack.SESSION, *here.trusts(), "-t", "20", "-e",
                      f"cat > {here.path(name)}")


def status(host, link, *words):
    """`ka-server status` on that host: its exit status and what it prints."""
    done = subprocess.run(["ip", "netns", "exec", host, rack.program("ka-server"), "status", *words, link],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def fits(browser, width):
    browser.look(width=width, height=800, still=True)
    wide = browser.ask("document.documentElement.scrollWidth")
    check(wide <= width, f"at {width} px the page is {wide} px wide")


def stands_still(browser):
    """While numbers change, nothing moves."""
    where = "JSON.stringify(['held','facts','chain','chips','rows','log'].map(id => " \
            "document.getElementById(id).getBoundingClientRect().top))"
    before, facts = browser.ask(where), browser.ask("document.getElementById('facts').textContent")
    wait_until(lambda: browser.ask("document.getElementById('facts').textContent") != facts, 30, "a number changes")
    check(browser.ask(where) == before, f"something moved: {before} to {browser.ask(where)}")


def opens_by_keyboard(browser):
    """Tab to a node, Enter: its details."""
    browser.ask("document.querySelector('#chips button').focus()")
    for _ in range(20):
        browser.press("Tab", 9)
        if browser.ask("document.activeElement.closest('td.node') !== null"):
            break
    browser.press("Enter", 13, "\r")
    check(browser.ask("document.querySelector('tr.more dl').textContent.includes('10.99.0.')"), "no details were shown")
    browser.press("Enter", 13, "\r")
    check(browser.ask("document.querySelector('tr.more') === null"), "the details stay")


def main(folder):
    with Rack(8, mbit=80) as here:
        source, _ = here.source(SIZE)
        server = here.server("-n", "8", "-f", source, "--web", "8080", "-w", "32", "--json",
                             here.path("report"), "--events", here.path("events"))
        link = link_of(server)
        here.shape("n6", 50)
        clients = {name: client(here, name) for name in here.names[1:]}
        browser = Browser(here, "n1")
        browser.look(still=True)
        browser.open(link)

        def shows(expression, what, limit=60):
            wait_until(lambda: browser.ask(expression), limit, what)

        shows("document.querySelectorAll('#chain li.linked').length === 8", "eight nodes in the chain")
        stands_still(browser)
        shows("document.querySelector('#chain li.slow b')?.textContent === 'node6'", "the slow node")
        kill(clients["n3"])
        first_row = f"{ROWS}[0].className === 'failed' && {ROWS}[0].textContent.includes('10.99.0.5')"
        shows(first_row, "the killed node first")
        shows("document.querySelector('#chain li.healed') !== null", "a heal")
        pictures(browser, folder)
        opens_by_keyboard(browser)
        for width in (320, 768, 1280):
            fits(browser, width)
        ended, said = status(here.space("n2"), link)
        check(ended == 1 and "10.99.0.5" in said and "failed" in said, f"status: {ended}, {said}")
        check(status(here.space("n2"), link.replace("8080/", "8080/0"))[0] == 1, "a wrong link is as good")

        shows("!document.getElementById('report').hidden", "the report", 120)
        check(browser.ask("document.getElementById('live').textContent") == "Ended", "the page waits for more")
        check("7 of 8" in browser.ask("document.getElementById('end').textContent"), "the result is another one")
        ended, said = finish(server)
        check(ended == 1 and "7 of 8 nodes done" in said, f"the server ended with {ended}: {said}")
        browser.look(height=1000, still=True)
        browser.ask("document.activeElement.blur()")
        if folder:
            browser.picture(os.path.join(folder, "view-end.png"))
        check(not browser.troubles, f"in the page: {browser.troubles}")
        with open(here.path("events")) as file:
            events = [json.loads(line)["event"] for line in file]
        check(events[0] == "job_began" and events[-1] == "job_ended" and "heal" in events, f"events: {events}")
    print("the page shows what happens")


# What a node says on its log port, and a machine that has come and waits.
NODE = """
import socket, sys
sys.path.insert(0, sys.argv[1])
import protocol
port = socket.create_server(("", 12345))
node = protocol.Connection.to("10.99.0.2")
node.send(protocol.hello("node1", "52:54:00:12:34:56", clones=True))
node.wait_for(protocol.WELCOME)
node.send(protocol.join("getstage2"))
keeper = port.accept()[0]
for line in sys.stdin:
    keeper.sendall(eval(line))
"""
DISK = {"golden": "sda", "name": "nvme0n1", "model": "Samsung SSD 980", "serial": "S3Z9NB0K",
        "size": 1 << 40, "contents": "1 ext4 'data'"}


def a_node_in_detail(folder):
    """Its log as it grows, by the keyboard alone and on a narrow screen; its disks, and what goes where."""
    with Rack(2) as here:
        image = Image(here.path("image"))
        # Its logs go to no folder of this machine.
        apart = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /var/log && exec \"$@\" >&2", "sh"]
        server = here.start("s", *apart, rack.program("ka-server"), "deploy", image.folder, "--open", "-n", "2",
                            "--web", "8080")
        link = link_of(server)
        here.wait_for_greeting("n2", "10.99.0.2")
        node = here.start("n1", sys.executable, "-c", NODE, os.path.dirname(protocol.__file__), stdin=subprocess.PIPE)
        browser = Browser(here, "n2")
        browser.look(width=320, height=800, still=True)
        browser.open(link)

        def says(text):
            node.stdin.write(repr(text) + "\n")
            node.stdin.flush()

        def shows(expression, what):
            wait_until(lambda: browser.ask(expression), 60, what)

        log = "document.querySelector('.its ol')"
        says(b"KA 1.0.0\nLoading module virtio_pci\nLoading module nvme\n<b>bold</b> \x1b[2J\xff\n")
        shows(f"{ROWS}.length === 1", "the node")
        browser.ask("document.querySelector('td.node button').focus()")
        browser.press("Enter", 13, "\r")
        shows(f"{log}?.textContent.includes('KA 1.0.0')", "its log")
        check(browser.ask(f"{log}.querySelector('b') === null && {log}.textContent.includes('<b>bold</b> \\\\x1b[2J')"),
              f"the log became HTML: {browser.ask(log + '.innerHTML')}")
        says(b"Loading module virtio_pci\n" * 200 + b"last line\n")
        shows(f"{log}.lastChild.textContent === 'last line'", "what came later")
        at_end = f"{log}.scrollTop + {log}.clientHeight > {log}.scrollHeight - 2"
        check(browser.ask(at_end), "it does not follow the end")
        # Who reads what stands above is left there.
        browser.ask(f"{log}.scrollTop = 0")
        browser.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        says(b"one more\n")
        shows(f"{log}.lastChild.textContent === 'one more'", "one more line")
        check(browser.ask(f"{log}.scrollTop === 0"), "it was moved while it is read")
        browser.press("Tab", 9)
        check(browser.ask(f"document.activeElement === {log}"), "no key leads to the log")
        # What a node tells before it asks whether it may write.
        def offers(disk):
            step = {"changed": [{"disks": [disk]}], "moved": [], "log": [], "healed": []}
            browser.ask("((told) => { told.changed[0] = {...job.nodes[0], ...told.changed[0]}; step(told); })(" +
                        json.dumps(step) + ")")

        offers(DISK)
        said = browser.ask("document.querySelector('tr.more dl').textContent")
        for text in ("nvme0n1", "serial S3Z9NB0K", "1.0\u00a0TiB", "In place of sda", DISK["model"]):
            check(text in said, f"no {text}: {said}")
        browser.ask("document.querySelector('tr.more details').open = true")
        check("sda1" in browser.ask("document.querySelector('tr.more details').textContent"), "not what goes there")
        check(browser.ask(f"{log}.scrollTop === 0"), "the details have moved the log")
        fits(browser, 320)
        if folder:
            browser.look(width=900, height=760, still=True)
            browser.ask("document.activeElement.blur()")
            browser.ask("document.getElementById('nodes').scrollIntoView()")
            browser.picture(os.path.join(folder, "view-node.png"))
        offers(dict(DISK, model="<img src=x onerror=alert(1)>"))
        said = browser.ask("document.querySelector('tr.more dl').textContent")
        check("<img src=x" in said and browser.ask("document.querySelector('tr.more img') === null"), "it became HTML")
        check(not browser.troubles, f"in the page: {browser.troubles}")
        server.send_signal(signal.SIGINT)
        check(finish(server)[0] == 130, "the server ended otherwise")
        shows("document.getElementById('live').textContent === 'Ended'", "the end")
        check(browser.ask(f"{log}.lastChild.textContent") == "one more", "the end has lost the log")
    print("a node is shown in detail")


def pictures(browser, folder):
    if not folder:
        return
    for name, look in (("view", {"height": 1000}), ("view-dark", {"height": 1000, "dark": True}),
                       ("view-phone", {"width": 320, "height": 800, "scale": 2})):
        browser.look(still=True, **look)
        browser.picture(os.path.join(folder, name + ".png"))
    browser.look(still=True)


if __name__ == "__main__":
    rack.need_root()
    for test in (a_node_in_detail, main):
        test(sys.argv[1] if len(sys.argv) > 1 else "")
