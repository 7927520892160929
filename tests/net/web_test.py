#!/usr/bin/env python3
"""The page of --web in headless Chromium, with a real job of eight nodes: one is killed, one has a slow line.

    web_test.py [FOLDER]      leaves pictures of it in FOLDER, as docs/ has them

`make check-web` runs it: it needs Debian's chromium.
"""

import json
import os
import re
import subprocess
import sys

import rack
from browser import Browser
from rack import Rack, check, finish, kill, wait_until

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
                      rack.program("ka-client"), "-s", rack.SESSION, "-t", "20", "-e", f"cat > {here.path(name)}")


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
    main(sys.argv[1] if len(sys.argv) > 1 else "")
