"""Python's csv module, for spec/system/transform_csv_differential_spec.lua.

read FILE DELIMITER     JSON lines: the records of a CSV file, each a list
judge FILE              of a JSON list of texts: the records of each, or null when it is no CSV
write FILE DELIMITER    of JSON lines: CSV on standard output
"""
import csv
import io
import json
import sys

csv.field_size_limit(1 << 30)
out = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False)


def records(stream, delimiter):
    return [r for r in csv.reader(stream, delimiter=delimiter, strict=True) if r]


def judge(text):
    try:
        return records(io.StringIO(text, newline=""), ",")
    except csv.Error:
        return None


what, path = sys.argv[1], sys.argv[2]
with open(path, encoding="utf-8", newline="") as stream:
    if what == "read":
        for record in records(stream, sys.argv[3]):
            out.write(json.dumps(record) + "\n")
    elif what == "judge":
        for text in json.load(stream):
            out.write(json.dumps(judge(text)) + "\n")
    else:
        writer = csv.writer(out, delimiter=sys.argv[3])
        for line in stream:
            writer.writerow(json.loads(line))
