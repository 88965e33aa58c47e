#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A package registry on loopback, with one package, tiny: for npm below /npm/, for pip below /simple/ (PEP 503), for go's
proxy protocol below /go/. Prints its port first, and writes down what was asked for, a line each. Usage: registry.py LOG"""
import base64
import hashlib
import http.server
import io
import json
import sys
import tarfile
import zipfile


def npm_tarball():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in (("package/package.json", '{ "name": "tiny", "version": "1.0.0", "main": "index.js" }'),
                           ("package/index.js", 'module.exports = "tiny of npm";')):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files:
            archive.writestr(name, text)
    return out.getvalue()


def wheel():
    info = "tiny-1.0.0.dist-info/"
    return zipped((("tiny.py", 'NAME = "tiny of pip"\n'),
                   (info + "METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n"),
                   (info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
                   (info + "RECORD", "tiny.py,,\n" + "".join(info + n + ",,\n" for n in ("METADATA", "WHEEL", "RECORD")))))


GO_MOD = "module example.org/tiny\n"
GO_ZIP = zipped((("example.org/tiny@v1.0.0/go.mod", GO_MOD),
                 ("example.org/tiny@v1.0.0/tiny.go", 'package tiny\n\nconst Name = "tiny of go"\n')))
TARBALL = npm_tarball()
WHEEL = wheel()


class Registry(http.server.BaseHTTPRequestHandler):
    def pages(self):
        base = "http://127.0.0.1:%d" % self.server.server_port
        version = {"name": "tiny", "version": "1.0.0", "dist": {
            "tarball": base + "/npm/tiny/-/tiny-1.0.0.tgz",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()}}
        return {
            "/npm/tiny": json.dumps({"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}),
            "/npm/tiny/-/tiny-1.0.0.tgz": TARBALL,
            "/simple/tiny/": '<a href="/files/tiny-1.0.0-py3-none-any.whl">tiny-1.0.0-py3-none-any.whl</a>',
            "/files/tiny-1.0.0-py3-none-any.whl": WHEEL,
            "/go/example.org/tiny/@v/list": "v1.0.0\n",
            "/go/example.org/tiny/@v/v1.0.0.info": '{ "Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z" }',
            "/go/example.org/tiny/@v/v1.0.0.mod": GO_MOD,
            "/go/example.org/tiny/@v/v1.0.0.zip": GO_ZIP,
        }

    def do_GET(self):
        with open(sys.argv[1], "a") as log:
            log.write(self.path + "\n")
        page = self.pages().get(self.path)
        data = page.encode() if isinstance(page, str) else page or b"not here"
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
print(server.server_port, flush=True)
server.serve_forever()
