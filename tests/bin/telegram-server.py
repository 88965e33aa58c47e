#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""telegram-server.py DIR - as much of Telegram's Bot API as ccm uses, on loopback, and as rude as it can be.

What tests/e2e uses (npm telegram-test-api) keeps no offset, holds no call open and never says no; this does.

    DIR/port             where it listens, once it does
    DIR/calls            one JSON object a call: method, token, body
    DIR/updates/N        an update, as JSON text; handed out by getUpdates in order of N, from its offset on
    DIR/answer.METHOD    "STATUS [HEADER: VALUE]" in the first line, the body below: answers METHOD once, and is gone.
                         Status 0: the call is held open and never answered. With .always behind it, it stays

Ends with its input.
"""
import http.server
import json
import os
import sys
import threading
import time

folder = sys.argv[1]
lock = threading.Lock()
messages = [100]


def path(*names):
    return os.path.join(folder, *names)


def take_answer(method):
    """The answer that a test laid out, or None."""
    for name in ("answer." + method, "answer." + method + ".always"):
        try:
            with open(path(name), encoding="utf-8") as f:
                head, _, body = f.read().partition("\n")
        except FileNotFoundError:
            continue
        if not name.endswith(".always"):
            os.unlink(path(name))
        status, _, header = head.partition(" ")
        return int(status), header, body
    return None


def updates_from(offset, limit):
    """The texts of the updates that there are: a test may write what is no JSON."""
    names = sorted((n for n in os.listdir(path("updates")) if n.isdigit()), key=int)
    texts = []
    for name in names:
        if int(name) >= offset:
            with open(path("updates", name), encoding="utf-8") as f:
                texts.append(f.read().strip())
    return texts[:limit]


def get_updates(body):
    end = time.monotonic() + body.get("timeout", 0)
    while True:
        texts = updates_from(body.get("offset", 0), body.get("limit", 100))
        if texts or time.monotonic() >= end:
            return "[" + ",".join(texts) + "]"
        time.sleep(0.02)


class Bot(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body, header=""):
        data = body.encode()
        self.send_response(status)
        if header:
            name, _, value = header.partition(": ")
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        token, _, method = self.path.removeprefix("/bot").partition("/")
        with lock:
            with open(path("calls"), "a", encoding="utf-8") as f:
                f.write(json.dumps({"method": method, "token": token, "body": body}) + "\n")
            answer = take_answer(method)
            messages[0] += method == "sendMessage"
            number = messages[0]
        if answer and not answer[0]:
            time.sleep(600)
        elif answer:
            self.reply(answer[0], answer[2], answer[1])
        elif method == "getUpdates":
            self.reply(200, '{"ok":true,"result":%s}' % get_updates(body))
        elif method == "sendMessage":
            self.reply(200, '{"ok":true,"result":{"message_id":%d}}' % number)
        else:
            self.reply(200, '{"ok":true,"result":true}')

    def log_message(self, *args):
        pass

    def handle(self):
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            pass


os.makedirs(path("updates"), exist_ok=True)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bot)
server.daemon_threads = True
with open(path("port.new"), "w", encoding="utf-8") as f:
    f.write("%d\n" % server.server_port)
os.rename(path("port.new"), path("port"))
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
