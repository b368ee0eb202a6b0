"""raw_client.py -- bytes on sockets for the specs of the server: a client with no opinion.

    python3 raw_client.py PORT 'SNIPPET'      (from Lua: spec/support/raw_client.lua)

The snippet is Python; what it prints is the result. It finds: port, connect(), ask(bytes),
rest(sock), until(sock, bytes), reset(sock), statuses(bytes), and the modules socket, ssl, time.
"""
import re
import socket
import ssl
import struct
import sys
import time

port = int(sys.argv[1])


def connect(cafile=None, cert=None):
    """A connection with a time limit; over TLS when a root is given."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.settimeout(15)
    if cafile is None:
        return sock
    context = ssl.create_default_context(cafile=cafile)
    if cert is not None:
        context.load_cert_chain(cert)
    return context.wrap_socket(sock, server_hostname="localhost")


def rest(sock):
    """All that comes until the end; an abrupt one is marked by RESET."""
    got = bytearray()
    try:
        while True:
            piece = sock.recv(65536)
            if not piece:
                return bytes(got)
            got += piece
    except ConnectionResetError:
        return bytes(got) + b"RESET"


def until(sock, mark):
    """All that comes up to the first sight of mark."""
    got = b""
    while mark not in got:
        piece = sock.recv(65536)
        if not piece:
            raise EOFError(repr(got))
        got += piece
    return got


def ask(data):
    """Sends data on a new connection and takes what comes until the server ends it."""
    with connect() as sock:
        sock.sendall(data)
        return rest(sock)


def reset(sock):
    """Ends a connection by RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def statuses(data):
    """The status codes of the answers in data, as text."""
    return " ".join(s.decode() for s in re.findall(rb"HTTP/1\.1 (\d\d\d) ", data))


exec(sys.argv[2])
