"""answer.py -- plays a corpus of answers to any client, byte by byte.

usage: answer.py CASES [drip], a JSON list of { bytes (base64), ends }; writes its port, then serves.
With drip each byte is sent on its own, and every case ends.

GET /N plays case N and waits for another request on the connection, or closes when the case ends
there. GET /N/after then says by its body whether it came on that same connection ("kept") or on
another ("new"), and closes.
"""
import base64
import json
import socket
import sys
import threading

TIMEOUT = 20
DRIP = "drip" in sys.argv
DRIP_MAX = 1000  # longer cases are sent at once


def head(sock, waiting):
    while b"\r\n\r\n" not in waiting:
        data = sock.recv(65536)
        if not data:
            return None
        waiting += data
    end = waiting.index(b"\r\n\r\n") + 4
    target = bytes(waiting[:end]).split(b" ")[1].decode()
    del waiting[:end]
    return target


def drain(sock):
    """Waits for the client's end, so that none of the answer is lost to a reset."""
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65536):
        pass


def play(sock, data):
    size = 1 if DRIP and len(data) <= DRIP_MAX else len(data) or 1
    for at in range(0, len(data), size):
        sock.sendall(data[at:at + size])


def serve(sock, cases):
    waiting, played = bytearray(), None
    sock.settimeout(TIMEOUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            target = head(sock, waiting)
            if target is None:
                return
            number, _, after = target[1:].partition("/")
            if after:
                text = b"kept" if played == number else b"new"
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                             % (len(text), text))
                return drain(sock)
            case = cases[int(number)]
            played = number
            play(sock, base64.b64decode(case["bytes"]))
            if DRIP or case["ends"]:
                return drain(sock)
    except OSError:
        pass
    finally:
        sock.close()


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        cases = json.load(file)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, cases), daemon=True).start()


main()
