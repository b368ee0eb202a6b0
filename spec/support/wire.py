"""wire.py -- a server that does exactly what a spec says, byte by byte, good or evil.

usage: wire.py JOB, where JOB is a JSON file:
  host         "127.0.0.1"
  tls          absent: plain; else { cert, key (PEM files), min, max ("1.2", "1.3"), client_ca (file),
               need_client (bool), alpn (list), require_resumption }
  connections  a list of scripts, the first for the first connection, the last for all further ones;
               each a list of steps

A step is a list, its name first:
  ["head"]              reads to the end of a request's head
  ["body", n]           reads n bytes of body
  ["chunked"]           reads a chunked body
  ["all"]               reads a body by the head's own framing
  ["send", text]        sends (text is latin-1)
  ["fill", n, text]     sends text n times
  ["drip", text]        sends it byte by byte, each in a segment of its own
  ["split", at, text]   sends it in two segments
  ["wait", file]        waits until the file exists
  ["until_closed"]      reads until the client closes
  ["sleep", seconds]
  ["close"] ["reset"]   ends the connection now (TLS: with close_notify; "abort": without)
  ["abort"]
  ["repeat", steps, n]  the steps n times, or for ever

Writes the port to standard output, then a line of JSON a connection when it ends: what was read, what
failed, the TLS version, whether the session was resumed and the client's subject.
"""
import base64
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

TIMEOUT = 30
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.read = bytearray()
        self.waiting = bytearray()
        self.last_head = b""

    def take(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError("the client closed")
        self.waiting += data

    def consume(self, n):
        taken = bytes(self.waiting[:n])
        del self.waiting[:n]
        if len(self.read) < 1 << 20:
            self.read += taken
        return taken

    def until(self, mark):
        while mark not in self.waiting:
            self.take()
        return self.consume(self.waiting.index(mark) + len(mark))

    def do_head(self):
        self.last_head = self.until(b"\r\n\r\n")

    def do_body(self, n):
        while n > 0:
            if not self.waiting:
                self.take()
            n -= len(self.consume(min(n, len(self.waiting))))

    def do_chunked(self):
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            self.do_body(size)
            self.until(b"\r\n")
            if size == 0:
                return

    def do_all(self):
        for line in self.last_head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return self.do_body(int(line[15:]))
            if line.startswith(b"transfer-encoding:"):
                return self.do_chunked()
        return None

    def do_send(self, text):
        self.sock.sendall(text.encode("latin-1"))

    def do_fill(self, n, text):
        piece = text.encode("latin-1")
        many = max(1, 65536 // len(piece))
        while n > 0:
            k = min(n, many)
            self.sock.sendall(piece * k)
            n -= k

    def do_drip(self, text):
        for c in text:
            self.do_send(c)
            time.sleep(0.0005)

    def do_split(self, at, text):
        self.do_send(text[:at])
        time.sleep(0.003)
        self.do_send(text[at:])

    def do_wait(self, path):
        end = time.monotonic() + TIMEOUT
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.005)

    def do_until_closed(self):
        while True:
            self.take()
            self.consume(len(self.waiting))

    def do_sleep(self, seconds):
        time.sleep(seconds)

    def do_close(self):
        if isinstance(self.sock, ssl.SSLSocket):
            try:
                self.sock.settimeout(1)
                self.sock.unwrap()
            except (OSError, ValueError):
                pass
        self.sock.close()

    def do_abort(self):
        os.close(self.sock.detach())

    def do_reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.do_abort()

    def do_repeat(self, steps, n=1 << 62):
        for _ in range(n):
            self.play(steps)

    def play(self, steps):
        for step in steps:
            getattr(self, "do_" + step[0])(*step[1:])


def context_of(tls):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls["cert"], tls["key"])
    context.minimum_version = VERSIONS[tls.get("min", "1.2")]
    context.maximum_version = VERSIONS[tls.get("max", "1.3")]
    if "alpn" in tls:
        context.set_alpn_protocols(tls["alpn"])
    if "client_ca" in tls:
        context.load_verify_locations(tls["client_ca"])
        context.verify_mode = ssl.CERT_REQUIRED if tls.get("need_client") else ssl.CERT_OPTIONAL
    return context


def describe(report, sock):
    if not isinstance(sock, ssl.SSLSocket):
        return
    report["tls"] = sock.version()
    report["resumed"] = sock.session_reused
    report["alpn"] = sock.selected_alpn_protocol()
    cert = sock.getpeercert()
    if cert:
        report["client"] = dict(pair[0] for pair in cert["subject"]).get("commonName")


def serve(sock, context, steps, number, lock):
    report = {"connection": number, "failed": None}
    connection = None
    sock.settimeout(TIMEOUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        describe(report, sock)
        connection = Connection(sock)
        connection.play(steps)
        connection.do_close()
    except (OSError, EOFError, ValueError) as error:
        report["failed"] = f"{type(error).__name__}: {error}"
    if connection:
        report["read"] = base64.b64encode(bytes(connection.read)).decode()
    sock.close()
    with lock:
        print(json.dumps(report), flush=True)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    context = context_of(job["tls"]) if "tls" in job else None
    family = socket.AF_INET6 if ":" in job.get("host", "") else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((job.get("host", "127.0.0.1"), 0))
    listener.listen(512)
    print(listener.getsockname()[1], flush=True)
    lock = threading.Lock()
    number = 0
    while True:
        sock, _ = listener.accept()
        steps = job["connections"][min(number, len(job["connections"]) - 1)]
        number += 1
        threading.Thread(target=serve, args=(sock, context, steps, number, lock),
                         daemon=True).start()


main()
