"""ask.py -- sends a corpus of requests to a server, each on a connection of its own.

usage: ask.py PORT CASES [drip], a JSON list of { bytes (base64) }; writes a JSON list of what came
back, in base64. Behind the bytes the client ends its side; the server ends the connection in its
time. With drip each byte is sent on its own.
"""
import base64
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 20
DRIP = "drip" in sys.argv
DRIP_MAX = 1000  # longer cases are sent at once


def send(sock, data):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    size = 1 if DRIP and len(data) <= DRIP_MAX else len(data) or 1
    for at in range(0, len(data), size):
        sock.sendall(data[at:at + size])


def ask(case):
    got = bytearray()
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
        sock.settimeout(TIMEOUT)
        try:
            send(sock, base64.b64decode(case["bytes"]))
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough
        try:
            while data := sock.recv(65536):
                got += data
        except ConnectionError:
            pass
        except TimeoutError:
            got += b"TIMEOUT"
    return base64.b64encode(bytes(got)).decode()


def main():
    with open(sys.argv[2], encoding="ascii") as file:
        cases = json.load(file)
    with ThreadPoolExecutor(8) as pool:
        json.dump(list(pool.map(ask, cases)), sys.stdout)


main()
