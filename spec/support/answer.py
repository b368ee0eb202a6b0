"""answer.py TEXT COMMAND... -- runs a command on a terminal of its own, types TEXT (\\n and \\x03 as
in C, or !COMMAND for what that one prints) when it asks "[y/N] ", prints what it wrote, and ends with
its exit code."""
import os
import pty
import subprocess
import sys

text = sys.argv[1].encode().decode("unicode_escape").encode()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # the other side has ended
        break
    if not piece:
        break
    seen += piece
    if text and seen.endswith(b"[y/N] "):
        if text.startswith(b"!"):
            text = subprocess.run(text[1:], shell=True, stdout=subprocess.PIPE).stdout
        os.write(terminal, text)
        text = b""
sys.stdout.write(seen.decode(errors="replace").replace("\r\n", "\n"))
status = os.waitpid(pid, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) % 256)
