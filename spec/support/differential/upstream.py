"""upstream.py -- what stands behind nginx: it takes what it gets, without an opinion, and says in
X-Seen what that was, as echo.js does. Writes its port, then serves a request a connection."""
import socket
import threading


def shortened(text):
    return b"%d bytes" % len(text) if len(text) > 100 else text


def read(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536) or b"\r\n\r\n"
    head, body = data.split(b"\r\n\r\n", 1)
    first, *fields = head.split(b"\r\n")
    fields = [tuple(field.split(b": ", 1)) for field in fields if b": " in field]
    length = int(dict((name.lower(), value) for name, value in fields).get(b"content-length", 0))
    while len(body) < length:
        body += sock.recv(65536)
    method, rest = first.split(b" ", 1)
    return method, rest.rsplit(b" ", 1)[0], body, fields


def serve(sock):
    with sock:
        method, target, body, fields = read(sock)
        mine = [name.lower() + b"=" + shortened(value.strip(b" \t")) for name, value in fields
                if name[:1] in b"xX" and len(name) < 100]
        seen = [method, shortened(target), body, b"\n".join(mine[:4])]
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: %s.\r\n\r\n%s" % (
            b".".join(part.hex().encode() for part in seen), b"" if method == b"HEAD" else b"ok"))


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
