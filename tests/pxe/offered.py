#!/usr/bin/env python3
"""What a proxyDHCP server offers to firmware that asks for a boot file (RFC 2131 §4.1, RFC 4578), in its first answer:
the name in the header's field, alone on a line. Ends with 1 if nobody offers anything within a second.

    offered.py INTERFACE VENDOR-CLASS ARCHITECTURE [MAC [USER-CLASS]]
"""
import os
import socket
import struct
import sys

interface, vendor, architecture = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
user = sys.argv[5].encode() if sys.argv[5:] else b""
card = bytes.fromhex(sys.argv[4].replace(":", "") if sys.argv[4:] else "525400770001")
transaction = os.urandom(4)
# A request by Ethernet, to be answered by broadcast.
header = struct.pack(">BBBB4sHH16s16s192s", 1, 1, 6, 0, transaction, 0, 0x8000, bytes(16), card, bytes(192))
options = (b"\x63\x82\x53\x63" + b"\x35\x01\x01" + bytes((60, len(vendor))) + vendor +
           b"\x5d\x02" + struct.pack(">H", architecture) + b"\x5e\x03\x01\x03\x00" +
           (bytes((77, len(user))) + user if user else b"") + b"\xff")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    for option in (socket.SO_BROADCAST, socket.SO_REUSEADDR):
        client.setsockopt(socket.SOL_SOCKET, option, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    client.bind(("", 68))
    client.settimeout(1)
    client.sendto(header + options, ("255.255.255.255", 67))
    try:
        while (answer := client.recv(2048))[4:8] != transaction:
            pass
    except TimeoutError:
        sys.exit(1)
print(answer[108:236].rstrip(b"\0").decode())
