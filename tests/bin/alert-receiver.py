#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Receives alerts on loopback, as well or as badly as it is told. Prints its port first; ends with its input.

Usage: alert-receiver.py FILE [--port N] [--tls CERTIFICATE-AND-KEY] [BEHAVIOUR...]

Each request is answered as the next BEHAVIOUR says, and the last one goes on for ever; default: ok.

    ok               200
    STATUS[:SECONDS] that status, with Retry-After
    stall            nothing, until the other side goes away
    drop             the connection is closed instead of an answer
    half             a 500 that promises more than comes
    redirect[:URL]   302 to there; default: to the same path elsewhere
    huge             200 and 10 MB; a line "cut short" is added if they were not all taken
    echo             400, and all that was sent, in JSON's escapes and percent escapes, too

FILE gets a line of JSON for each request: when it came, its path, headers, body, and how it was answered. A request is written down
before it is answered.
"""
import http.server
import json
import sys
import threading
import time

lock = threading.Lock()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1                       # an answer in one piece: small ones wait for each other
    behaviours = ["ok"]
    connections = 0

    def setup(self):
        super().setup()
        with lock:
            Receiver.connections += 1
            self.number = Receiver.connections

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        with lock:
            how = self.behaviours[0]
            if len(self.behaviours) > 1:
                self.behaviours.pop(0)
            self.note({"at_ns": time.time_ns(), "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                       "body": body, "how": how, "connection": self.number})
        word, _, more = how.partition(":")
        if word == "stall":
            self.rfile.read(1)
        elif word == "half":
            self.send_response(500)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"not all")
        elif word == "redirect":
            self.reply(302, b"elsewhere", {"Location": more or "http://localhost" + self.path})
            return
        elif word == "huge":
            try:
                self.reply(200, b"x" * 10_000_000)
                self.wfile.flush()
            except OSError:
                self.note({"how": "cut short"})
                self.close_connection = True
            return
        elif word == "echo":
            import urllib.parse
            text = self.path + " " + body
            self.reply(400, (text + " " + text.replace("/", "\\/") + " " + urllib.parse.quote(text, "")).encode())
            return
        elif word != "drop":
            self.reply(200 if word == "ok" else int(word), b"as you wish", {"Retry-After": more} if more else {})
            return
        self.close_connection = True

    def note(self, what):
        with open(sys.argv[1], "a") as out:
            out.write(json.dumps(what) + "\n")

    def reply(self, status, data, headers={}):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


words = sys.argv[2:]
port = 0
certificate = None
while words and words[0].startswith("--"):
    if words[0] == "--port":
        port = int(words[1])
    else:
        certificate = words[1]
    words = words[2:]
if words:
    Receiver.behaviours = words
server = Server(("127.0.0.1", port), Receiver)
if certificate:
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
