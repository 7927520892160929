#!/usr/bin/env python3
"""Who is believed: servers with other keys or none, nodes that know none, and somebody on the wire between the two.
trust_test.py NAME…, or all."""

import os
import socket
import struct
import sys
import threading

import protocol
import rack
from protocol import CONTROL_PORT, DATA_PORT, Connection
from rack import Rack, check, finish, make_key, wait_until

SERVER, ROGUE = "10.99.0.2", "10.99.0.4"  # the addresses of s and n2


def content(rack_, name):
    with open(rack_.path(name), encoding="utf-8") as file:
        return file.read()


def server(rack_, host, key, *words):
    """With that key; what it says is in a file of its own, so that it can be waited for."""
    said = rack_.path(f"{host}.said")
    with open(said, "w", encoding="utf-8") as file:
        process = rack_.start(host, rack.program("ka-server"), "send", "-s", rack.SESSION, *key, "-n", "1", *words,
                              stderr=file)
    wait_until(lambda: "Listening" in content(rack_, f"{host}.said"), 60, f"{host} listens")
    return process


def client(rack_, *words, tries=20):
    """ka-client on n1, which writes to the file got."""
    with open(rack_.path("n1.said"), "w", encoding="utf-8") as file:
        return rack_.start("n1", rack.program("ka-client"), "-s", rack.SESSION, "-o", rack_.path("got"), "-t",
                           str(tries), *words, stderr=file)


def says(rack_, host, words):
    wait_until(lambda: words in content(rack_, f"{host}.said"), 60, f"{host} says {words!r}")


def keys(rack_, *names):
    """(file, public) of each."""
    return [(rack_.path(name), make_key(rack_.path(name))) for name in names]


def a_rogue_that_was_there_first_keeps_nobody_from_the_right_server():
    with Rack(2) as rack_:
        (right, public), (wrong, _) = keys(rack_, "right", "wrong")
        rogue = server(rack_, "n2", ("--key", wrong), "-e", "echo false")
        node = client(rack_, "--key", public)
        says(rack_, "n1", f"join the KA server {ROGUE}: it has not shown the key that this node knows")
        check(node.poll() is None, "the node has given up, or believed it")
        true = server(rack_, "s", ("--key", right), "-e", "echo true")
        check(finish(node)[0] == 0 and content(rack_, "got") == "true\n", content(rack_, "n1.said"))
        check(finish(true)[0] == 0, content(rack_, "s.said"))
        check(f"Somebody at {ROGUE} serves session {rack.SESSION}, too" in content(rack_, "s.said"),
              "the operator does not hear of the rogue: " + content(rack_, "s.said"))
        check("n1" not in content(rack_, "n2.said") and "Added" not in content(rack_, "n2.said"),
              "the rogue was told something: " + content(rack_, "n2.said"))
        check(rogue.poll() is None, "the rogue ended")


def so_does_a_rogue_without_a_key():
    with Rack(2) as rack_:
        (right, public), = keys(rack_, "right")
        server(rack_, "n2", ("--open",), "-e", "echo false")
        node = client(rack_, "--key", public)
        says(rack_, "n1", f"join the KA server {ROGUE}: it has not shown the key that this node knows")
        server(rack_, "s", ("--key", right), "-e", "echo true")
        check(finish(node)[0] == 0 and content(rack_, "got") == "true\n", content(rack_, "n1.said"))


def two_servers_with_one_key_are_one_too_many():
    with Rack(2) as rack_:
        (right, _), = keys(rack_, "right")
        server(rack_, "s", ("--key", right), "-e", "echo true")
        rack_.wait_for_greeting("n1", SERVER)
        second = rack_.start("n2", rack.program("ka-server"), "send", "-s", rack.SESSION, "--key", right, "-e", "true")
        status, said = finish(second)
        check(status == 1 and f"the KA server at {SERVER} does already" in said, f"{status}: {said}")


def of_two_that_start_together_one_at_most_serves():
    with Rack(2) as rack_:
        (right, _), = keys(rack_, "right")
        words = (rack.program("ka-server"), "send", "-s", rack.SESSION, "--key", right, "-e", "true")
        both = [rack_.start(host, *words) for host in ("s", "n2")]
        wait_until(lambda: any(one.poll() is not None for one in both), 60, "one of them ends")
        for one in both:
            if one.poll() is not None:
                status, said = finish(one)
                check(status == 1 and "does already" in said, f"{status}: {said}")


def whoever_knows_no_key_gets_nothing():
    with Rack(1) as rack_:
        (right, public), = keys(rack_, "right")
        serving = server(rack_, "s", ("--key", right), "-e", "echo secret")
        node = client(rack_, "--open")
        check(finish(node)[0] == 1, "a node without a key did not fail")
        said = content(rack_, "n1.said")
        check("it knows no key" in said and "--key" in said, said)
        check(rack_.size("got") == 0, "it got something")
        says(rack_, "s", "is refused: it knows no key")
        check("Added" not in content(rack_, "s.said"), content(rack_, "s.said"))
        node = client(rack_, "--key", public)
        check(finish(node)[0] == 0 and content(rack_, "got") == "secret\n", content(rack_, "n1.said"))
        check(finish(serving)[0] == 0, "the server did not end")


def a_server_without_a_key_serves_nobody_who_wants_one():
    with Rack(1) as rack_:
        (_, public), = keys(rack_, "other")
        server(rack_, "s", ("--open",), "-e", "echo anything")
        node = client(rack_, "--key", public, tries=1)
        check(finish(node)[0] == 3, "the node believed a server that proves nothing")
        said = content(rack_, "n1.said")
        check(SERVER in said and "has not shown the key" in said and "--open" in said, said)
        check("Level open: anybody on the network" in content(rack_, "s.said"), content(rack_, "s.said"))


def with_two_keys_either_server_is_right():
    for which in range(2):
        with Rack(1) as rack_:
            both = keys(rack_, "old", "new")
            serving = server(rack_, "s", ("--key", both[which][0]), "-e", f"echo {which}")
            node = client(rack_, "--key", ",".join(public for _, public in both))
            check(finish(node)[0] == 0 and content(rack_, "got") == f"{which}\n", content(rack_, "n1.said"))
            check(finish(serving)[0] == 0, content(rack_, "s.said"))


def what_to_type_on_the_nodes_is_said_at_the_start():
    """What the server prints to be typed on the nodes works as it stands."""
    with Rack(1) as rack_:
        (right, public), = keys(rack_, "right")
        server(rack_, "s", ("--key", right, "--json", rack_.path("report")), "-e", "echo true")
        says(rack_, "s", f"ka-client -s {rack.SESSION} --key {public} -e COMMAND")
        words = fingerprint(rack_, right)
        check(f"Level pinned: only nodes that know the key {words} ({public}) are served" in content(rack_, "s.said"),
              content(rack_, "s.said"))
        check(finish(client(rack_, "--key", public))[0] == 0, content(rack_, "n1.said"))
        wait_until(lambda: os.path.exists(rack_.path("report")), 60, "the report is there")
        report = content(rack_, "report")
        check('"level": "pinned"' in report and f'"key": "{public}"' in report, report)


def fingerprint(rack_, key):
    asked = rack_.start("s", rack.program("ka-server"), "key", key, stdout=rack.subprocess.PIPE)
    out = asked.communicate(timeout=60)[0]
    return next(line.split(" : ")[1] for line in out.splitlines() if line.startswith("+ Fingerprint"))


def another_version_is_told_so_and_nothing_else():
    """Version 2, both ways."""
    with Rack(1) as rack_:
        (right, public), = keys(rack_, "right")
        server(rack_, "s", ("--key", right), "-e", "echo secret")
        old = rack_.start("n1", sys.executable, os.path.abspath(__file__), "--old-node", stdout=rack.subprocess.PIPE)
        told = old.communicate(timeout=120)[0]
        check("version 2" in told and "version 3" in told, told)
    with Rack(1) as rack_:
        (_, public), = keys(rack_, "right")
        old = rack_.start("s", sys.executable, os.path.abspath(__file__), "--old-server", stdout=rack.subprocess.PIPE)
        check(old.stdout.readline() == "listens\n", "the old server does not listen")
        node = client(rack_, "--key", public, "-H", SERVER, tries=1)
        check(finish(node)[0] == 3, "it believed a server of version 2")
        said = content(rack_, "n1.said")
        check("version 2" in said and SERVER in said, said)
        heard = bytes.fromhex(old.communicate(timeout=60)[0].strip())
        check(len(heard) == 4 + 1 + 4 + 2 + 2 + 48, f"it was told {heard}")


def who_sits_between_them_changes_nothing():
    """A byte of the encrypted part is another one, the proof is cut out, a recorded connection comes once more."""
    with Rack(2) as rack_:
        (right, public), = keys(rack_, "right")
        server(rack_, "s", ("--key", right), "-e", "echo true")
        rack_.wait_for_greeting("n2", SERVER)
        between = rack_.start("n2", sys.executable, os.path.abspath(__file__), "--between",
                              stdout=rack.subprocess.PIPE)
        check(between.stdout.readline() == "listens\n", "nobody sits between them")
        # Each connection of the node gets another treatment; the last one passes.
        node = client(rack_, "--key", public, "-H", ROGUE)
        check(finish(node)[0] == 0 and content(rack_, "got") == "true\n", content(rack_, "n1.said"))
        said = content(rack_, "n1.said")
        check("has not shown the key" in said, "a proof that was cut out is taken: " + said)
        rest = between.communicate(timeout=60)[0]
        check("replayed: the server said 1 message" in rest, rest)
        check(content(rack_, "s.said").count("Added client") == 1, content(rack_, "s.said"))


# The parts of others, each in a process of its own.

def old_node():
    node = Connection.to(SERVER)
    node.send(protocol.frame(protocol.HELLO, b"KAM1" + struct.pack(">HQ?HQ", 2, 1, False, 30764, 64 << 20) +
                             protocol.text("old") + protocol.text("") + protocol.text("")))
    print(node.wait_for(protocol.REFUSED)[2:].decode())


def old_server():
    listener = socket.create_server(("", CONTROL_PORT))
    print("listens", flush=True)
    node = listener.accept()[0]
    heard = node.recv(65536)
    # As it refuses another version.
    node.sendall(protocol.frame(protocol.REFUSED, protocol.text(
        "it speaks version 3 of the protocol, this server version 2: use the programs of one release on both sides")))
    print((heard + node.recv(65536)).hex(), flush=True)


def between():
    listener = socket.create_server(("", CONTROL_PORT))
    threading.Thread(target=pass_data_on, args=(socket.create_server(("", DATA_PORT)),), daemon=True).start()
    print("listens", flush=True)
    recorded = b""
    for how in ("strip", "change", "pass"):
        node = listener.accept()[0]
        there = socket.create_connection((SERVER, CONTROL_PORT))
        if how == "strip":
            node.recv(65536)
            node.sendall(protocol.frame(protocol.WELCOME, struct.pack(">H", protocol.version()) + protocol.text("")))
            node.recv(65536)
            node.close()
            there.close()
            continue
        hello = node.recv(65536)
        there.sendall(hello)
        node.sendall(there.recv(65536))
        first = node.recv(65536)
        if how == "change":
            recorded = hello + first
            there.sendall(first[:20] + bytes([first[20] ^ 1]) + first[21:])
            check(there.recv(65536) == b"", "the server took a changed byte")
            node.close()
            there.close()
            replay(recorded)
            continue
        there.sendall(first)
        back = threading.Thread(target=copy, args=(there, node), daemon=True)
        back.start()
        copy(node, there)
        back.join()


def pass_data_on(listener):
    while True:
        node = listener.accept()[0]
        there = socket.create_connection((SERVER, DATA_PORT))
        for ends in ((node, there), (there, node)):
            threading.Thread(target=copy, args=ends, daemon=True).start()


def replay(recorded):
    """What a node said before, word by word, to the server itself."""
    again = socket.create_connection((SERVER, CONTROL_PORT))
    again.sendall(recorded)
    got = b""
    while True:
        try:
            more = again.recv(65536)
        except ConnectionError:
            break
        if not more:
            break
        got += more
    count = 0
    while got:
        got = got[4 + struct.unpack(">I", got[:4])[0]:]
        count += 1
    print(f"replayed: the server said {count} message{'' if count == 1 else 's'}", flush=True)


def copy(source, to):
    try:
        while piece := source.recv(65536):
            to.sendall(piece)
    except OSError:
        pass
    for end in (source, to):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


PARTS = {"--old-node": old_node, "--old-server": old_server, "--between": between}


def chain_with(forgers, mib=24):
    """A job of six nodes of which some are of the forger's kind; all others must have what the server sent. What the
    server says of it."""
    with Rack(6) as rack_:
        source, right = rack_.source(mib)
        with open(rack_.path("s.said"), "w", encoding="utf-8") as file:
            job = rack_.server("-n", "6", "-z", "off", "-f", source, stderr=file)
        wait_until(lambda: "Listening" in content(rack_, "s.said"), 60, "the server listens")
        honest = [name for name in rack_.names[1:] if name not in forgers]
        nodes = {name: rack_.client(name) for name in honest}
        for name, way in forgers.items():
            rack_.start(name, os.environ["KA_FORGER"], SERVER, rack_.public, rack.SESSION, way)
        for name, node in nodes.items():
            status, said = finish(node)
            check(status == 0, f"{name}: {said}")
            check(rack.digest(rack_.path(name)) == right, f"{name} has other bytes than the server")
        finish(job)
        return content(rack_, "s.said")


def a_member_that_alters_is_found_and_gone_round():
    said = chain_with({"n2": "alters"})
    named = [line for line in said.splitlines() if "10.99.0.5" in line and "is not what the server signed" in line]
    check(named, "n2's neighbour, n3, does not name what it got: " + said)


def members_that_work_together_get_no_further():
    said = chain_with({"n2": "alters", "n3": "alters", "n5": "alters"})
    check("is not what the server signed" in said, "nobody said so: " + said)


def a_stream_cannot_be_shortened():
    said = chain_with({"n1": "shortens"})
    check("is not what the server signed" in said, "nobody said so: " + said)


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in PARTS:
        PARTS[sys.argv[1]]()
    else:
        rack.run_tests([a_rogue_that_was_there_first_keeps_nobody_from_the_right_server, so_does_a_rogue_without_a_key,
                        two_servers_with_one_key_are_one_too_many, of_two_that_start_together_one_at_most_serves,
                        whoever_knows_no_key_gets_nothing,
                        a_server_without_a_key_serves_nobody_who_wants_one, with_two_keys_either_server_is_right,
                        what_to_type_on_the_nodes_is_said_at_the_start, another_version_is_told_so_and_nothing_else,
                        who_sits_between_them_changes_nothing, a_member_that_alters_is_found_and_gone_round,
                        members_that_work_together_get_no_further, a_stream_cannot_be_shortened])
