#!/usr/bin/env python3
"""What a ka-server says to those who follow its job (docs/events.md), word by word: each line of standard input is the
document from then on, told at once and once a second. At the end of input the connections end, as when it was killed.

    documents.py PORT
"""
import socket
import sys
import threading

current, told, over = None, 0, False
changed = threading.Condition()


def read_input():
    global current, told, over
    for line in sys.stdin:
        with changed:
            current, told = line, told + 1
            changed.notify_all()
    with changed:
        over = True
        changed.notify_all()


def talk(connection):
    with connection:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(4096) or b"\r\n\r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n")
        seen = 0
        while True:
            with changed:
                changed.wait_for(lambda: over or told > seen, 1)
                if over:
                    return
                line, seen = current, told
            if line:
                connection.sendall(line.encode())


threading.Thread(target=read_input, daemon=True).start()
with socket.create_server(("", int(sys.argv[1])), reuse_port=False) as server:
    server.settimeout(0.1)
    print("listens", flush=True)
    while not over:
        try:
            guest = server.accept()[0]
        except TimeoutError:
            continue
        guest.settimeout(20)
        threading.Thread(target=talk, args=(guest,), daemon=True).start()
