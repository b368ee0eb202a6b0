"""origin.py -- Python's own http.server over its own ssl, for the client against the world.

usage: origin.py ROOT CERT KEY

ROOT/www holds files to serve, ROOT/up takes uploads. Writes its ports as a line of JSON:
  main     HTTP/1.1, keeps connections
  brief    closes idle connections soon
  limited  three requests a connection
  old      HTTP/1.0, as http.server is out of the box
Connections end as Python ends them: without TLS's close_notify, except where /until-close sends it.
"""
import functools
import gzip
import http.server
import json
import os
import shutil
import socket
import ssl
import sys
import threading
import time
import zlib

ROOT, CERT, KEY = sys.argv[1:]
WWW, UP = os.path.join(ROOT, "www"), os.path.join(ROOT, "up")
CHUNKS = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
          b'5;a=b;c="d;\\"e"\r\nhello\r\n6 ; ext\r\n world\r\n0;last\r\nX-Trailer: late\r\n\r\n')

with open(os.path.join(WWW, "text"), "rb") as file:
    TEXT = file.read()


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    most = None
    served = 0

    def handle_one_request(self):
        self.served += 1
        super().handle_one_request()

    def end_headers(self):
        if self.most and self.served >= self.most:
            self.send_header("Connection", "close")
        super().end_headers()

    def begin(self, status, length=None, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    # Expect: http.server says "100 Continue" by itself when this returns True.
    def handle_expect_100(self):
        if self.path.startswith("/417/"):
            self.begin(417, 0)
            return False
        if self.path.startswith("/early/"):
            self.do_early()
            return False
        if self.path.startswith("/late/"):
            time.sleep(1.2)
        if self.path.startswith("/ignored/"):
            return True
        return super().handle_expect_100()

    def do_GET(self):
        name = self.path.strip("/").replace("-", "_")
        if self.path.startswith("/split/"):
            return self.split(int(self.path[7:]))
        special = getattr(self, "get_" + name, None)
        return special() if special else super().do_GET()

    def get_empty(self):
        self.begin(204)

    def get_close(self):
        self.begin(200, len(TEXT), Connection="close")
        self.wfile.write(TEXT)

    def get_chunked(self):
        self.begin(200, Transfer_Encoding="chunked")
        for at in range(0, len(TEXT), 1000):
            piece = TEXT[at:at + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def get_trailers(self):
        self.begin(200, Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n%s\r\n0\r\nX-Checksum: none\r\n\r\n" % (len(TEXT), TEXT))

    def get_extensions(self):
        self.wfile.write(CHUNKS)

    def get_until_close(self):
        self.get_cut()
        self.connection.settimeout(2)
        self.connection.unwrap().close()

    def get_cut(self):
        self.begin(200, Connection="close")
        self.wfile.write(TEXT)

    def get_interim(self):
        for status in (100, 102):
            self.send_response_only(status)
            super().end_headers()
        self.send_response_only(103)
        self.send_header("Link", "</style.css>; rel=preload")
        super().end_headers()
        self.begin(200, len(TEXT))
        self.wfile.write(TEXT)

    def coded(self, coding, data):
        self.begin(200, len(data), Content_Encoding=coding)
        self.wfile.write(data)

    def get_gzip(self):
        self.coded("gzip", gzip.compress(TEXT))

    def get_deflate(self):
        self.coded("deflate", zlib.compress(TEXT))

    def get_raw_deflate(self):
        packer = zlib.compressobj(wbits=-15)
        self.coded("deflate", packer.compress(TEXT) + packer.flush())

    def get_headers(self):
        fields = {f"X_{i}": str(i % 10) * 1000 for i in range(1, 67)}
        self.begin(200, len(TEXT), **fields)
        self.wfile.write(TEXT)

    def get_slow(self):
        self.begin(200, 20)
        for at in range(20):
            time.sleep(0.02)
            self.wfile.write(TEXT[at:at + 1])

    def get_drip(self):
        for at in range(len(CHUNKS)):
            self.wfile.write(CHUNKS[at:at + 1])

    def split(self, at):
        data = b"HTTP/1.1 103 Early\r\n\r\n" + CHUNKS
        if at >= len(data):
            return self.begin(204)
        self.wfile.write(data[:at])
        time.sleep(0.001)
        return self.wfile.write(data[at:])

    def do_PUT(self):
        if self.path.startswith("/early/"):
            return self.do_early()
        if self.path.startswith("/at-once/"):
            self.begin(200, 0)
            return self.store()
        self.store()
        self.begin(201, 7)
        return self.wfile.write(b"stored\n")

    do_POST = do_PUT

    def pieces(self):
        if "Content-Length" in self.headers:
            left = int(self.headers["Content-Length"])
            while left > 0:
                piece = self.rfile.read(min(left, 65536))
                if not piece:
                    raise ConnectionError("the body ended early")
                left -= len(piece)
                yield piece
        elif "Transfer-Encoding" in self.headers:
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

    def store(self):
        with open(os.path.join(UP, os.path.basename(self.path)), "wb") as out:
            for piece in self.pieces():
                out.write(piece)

    def do_early(self):
        _, _, status, *close = self.path.split("/")
        self.begin(int(status), 3, **({"Connection": "close"} if close else {}))
        self.wfile.write(b"no\n")
        if close:
            self.connection.shutdown(socket.SHUT_WR)
        elif "Expect" not in self.headers:
            for _ in self.pieces():
                pass

    def copyfile(self, source, outputfile):
        shutil.copyfileobj(source, outputfile, 65536)

    def log_message(self, format, *args):
        print(self.command, self.path, flush=True)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), functools.partial(handler, directory=WWW))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERT, KEY)

    def finish_request(self, request, client_address):  # in the connection's own thread
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = self.context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            self.shutdown_request(request)

    def handle_error(self, request, client_address):
        print("failed:", sys.exc_info()[1], file=sys.stderr, flush=True)


class Brief(Handler):
    def handle_one_request(self):
        self.connection.settimeout(0.3 if self.served else None)  # once it is idle
        super().handle_one_request()


class Limited(Handler):
    most = 3


class Old(Handler):
    protocol_version = "HTTP/1.0"


servers = {"main": Server(Handler), "brief": Server(Brief), "limited": Server(Limited),
           "old": Server(Old)}
for server in servers.values():
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({name: server.server_address[1] for name, server in servers.items()}), flush=True)
threading.Event().wait()
