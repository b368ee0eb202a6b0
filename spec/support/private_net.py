"""private_net.py -- runs a command in a network of its own: only the loopback device, its own
/etc/hosts and /etc/resolv.conf, and a name server that says what it is told. Must be started in
network and mount namespaces of its own (unshare -nm).

usage: private_net.py JOB COMMAND…, where JOB is a JSON file:
  dir      directory for files
  hosts    text of /etc/hosts
  options  line "options" of /etc/resolv.conf
  zone     name = { "A": [address…], "AAAA": [address…] }, or "nxdomain", "servfail" or "silent";
           what is not there is nxdomain
  deaf     [[address, port]…]: listeners there whose backlog is full: SYNs go unanswered
  queries  file to which every name that was asked for is appended

Ends with the command's exit code.
"""
import ctypes
import fcntl
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import threading

NAME_SERVER = "127.0.0.53"
TYPES = {1: "A", 28: "AAAA"}
CODES = {"servfail": 2, "nxdomain": 3}
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 1, 0x40
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING))


def mount(source, target, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), os.path.realpath(target).encode(), None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def own_files(job):
    mount("none", "/", MS_REC | MS_PRIVATE)
    texts = {
        "hosts": job["hosts"],
        "resolv.conf": f"nameserver {NAME_SERVER}\noptions {job['options']}\n",
        "nsswitch.conf": "hosts: files dns\n",
    }
    for name, text in texts.items():
        path = os.path.join(job["dir"], name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        mount(path, "/etc/" + name, MS_BIND)


def question(message):
    """The name and the type asked for, and where the question ends."""
    labels, at = [], 12
    while message[at] != 0:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", message, at + 1)[0], at + 5


def answer(message, entry, kind, end):
    code, records = 0, []
    if isinstance(entry, str):
        code = CODES[entry]
    else:
        records = [ipaddress.ip_address(a).packed for a in entry.get(TYPES.get(kind), [])]
    head = message[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0)
    body = [struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(r)) + r for r in records]
    return head + message[12:end] + b"".join(body)


def name_server(job):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((NAME_SERVER, 53))
    while True:
        message, peer = sock.recvfrom(4096)
        name, kind, end = question(message)
        with open(job["queries"], "a", encoding="utf-8") as file:
            file.write(name + "\n")
        entry = job["zone"].get(name, "nxdomain")
        if entry != "silent":
            sock.sendto(answer(message, entry, kind, end), peer)


def deaf_listener(address, port):
    """The listener and the connections that fill its backlog; they last as long as they are held."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    held = [socket.socket(family)]
    held[0].bind((address, port))
    held[0].listen(0)
    while True:
        filler = socket.socket(family)
        held.append(filler)
        filler.settimeout(0.2)
        try:
            filler.connect((address, port))
        except TimeoutError:
            return held


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    loopback_up()
    own_files(job)
    threading.Thread(target=name_server, args=(job,), daemon=True).start()
    held = [deaf_listener(*place) for place in job["deaf"]]
    code = subprocess.call(sys.argv[2:])
    del held
    os._exit(code)


main()
