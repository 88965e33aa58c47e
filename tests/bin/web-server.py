#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A web server on loopback that answers with what it was asked, by TLS if it gets a certificate and a key. Prints its port
first; ends with its input. Usage: web-server.py [CERTIFICATE KEY]"""
import http.server
import ssl
import sys
import threading


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = "%s %s %d\n" % (self.command, self.path, len(body))
        text += "".join("%s: %s\n" % (k.lower(), v) for k, v in self.headers.items())
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
