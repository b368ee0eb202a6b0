"""Types lines into an interactive shell, a TAB behind each, and prints what the shell then has on its
line: a JSON list. For spec/system/install_spec.lua.

    shell_tab.py LINE... -- SHELL ARGUMENT...

The shell must print "<<LINE>>" for Ctrl-T; its first prompt is awaited with Ctrl-T, too.
"""
import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

LIMIT = 60  # seconds for an answer


class Shell:
    def __init__(self, command):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            raise SystemExit("the shell ended: " + self.output.decode(errors="replace"))
        self.output += data
        return True

    def line(self, again=None):
        """What Ctrl-T prints; sent again every so many seconds until the shell listens."""
        self.output = b""
        os.write(self.fd, b"\x14")
        end, sent = time.monotonic() + LIMIT, time.monotonic()
        while time.monotonic() < end:
            self.read(0.2)
            found = re.findall(rb"<<(.*?)>>", self.output, re.S)
            if found:
                return found[-1].decode()
            if again and time.monotonic() - sent > again:
                os.write(self.fd, b"\x14")
                sent = time.monotonic()
        raise SystemExit("no answer: " + self.output.decode(errors="replace"))

    def close(self):
        os.write(self.fd, b"\x15exit\r")
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def main(words):
    at = words.index("--")
    shell = Shell(words[at + 1:])
    shell.line(again=1)
    while shell.read(0.3):  # what a second Ctrl-T printed
        pass
    results = []
    for text in words[:at]:
        os.write(shell.fd, text.encode() + b"\t")
        results.append(shell.line())
        os.write(shell.fd, b"\x15")
    print(json.dumps(results))
    shell.close()


main(sys.argv[1:])
