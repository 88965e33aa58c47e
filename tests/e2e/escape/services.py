#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a person has running: servers on loopback and on Unix sockets. Usage: services.py DIR. Writes DIR/ports last."""
import os
import socket
import sys
import threading

where = sys.argv[1]


def serve(s):
    s.listen(64)
    while True:
        c, _ = s.accept()
        c.close()


def echo(s):
    while True:
        data, sender = s.recvfrom(4096)
        if sender:
            s.sendto(data, sender)


def start(target, family, kind, address):
    s = socket.socket(family, kind)
    s.bind(address)
    threading.Thread(target=target, args=(s,), daemon=True).start()
    return s


tcp = start(serve, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
tcp6 = start(serve, socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
udp = start(echo, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
start(serve, socket.AF_UNIX, socket.SOCK_STREAM, where + "/stream")
start(echo, socket.AF_UNIX, socket.SOCK_DGRAM, where + "/datagram")
start(serve, socket.AF_UNIX, socket.SOCK_STREAM, "\0ccm-escape-%d" % os.getuid())
os.mkfifo(where + "/fifo")
fifo = os.open(where + "/fifo", os.O_RDWR)
free = socket.socket()
free.bind(("127.0.0.1", 0))
port = free.getsockname()[1]
free.close()
with open(where + "/ports.new", "w") as f:
    f.write("PORT=%d PORT6=%d UDP=%d FREE_PORT=%d\n" % (
        tcp.getsockname()[1], tcp6.getsockname()[1], udp.getsockname()[1], port))
os.rename(where + "/ports.new", where + "/ports")
threading.Event().wait()
