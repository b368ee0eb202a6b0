"""Python's codecs, for spec/system/transform_charset_differential_spec.lua.

repertoire NAME          the characters below U+10000 that the set has, in UTF-8
encode NAME FILE         the text of a UTF-8 file in the set
decode NAME FILE         of a file that holds the hexadecimal form of texts in the set, one a line:
                         each in UTF-8, hexadecimal, or "bad"
"""
import sys

out = sys.stdout.buffer
what, name = sys.argv[1], sys.argv[2]


def has(code):
    if 0xD800 <= code < 0xE000:
        return False
    try:
        return chr(code).encode(name).decode(name) == chr(code)
    except UnicodeError:
        return False


def decoded(line):
    try:
        return bytes.fromhex(line).decode(name).encode("utf-8").hex()
    except UnicodeError:
        return "bad"


if what == "repertoire":
    out.write("".join(chr(c) for c in range(1, 0x10000) if has(c)).encode("utf-8"))
elif what == "encode":
    with open(sys.argv[3], encoding="utf-8", newline="") as f:
        out.write(f.read().encode(name))
else:
    with open(sys.argv[3], encoding="ascii") as f:
        out.write("".join(decoded(line.strip()) + "\n" for line in f).encode("ascii"))
