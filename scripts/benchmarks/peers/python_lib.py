"""python3 python_lib.py names|lists|xml FILE SECONDS: MB a second of CPU by Python's own modules."""
import csv
import sys
import time
import xml.etree.ElementTree

KIND, PATH, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])


def read_csv(reader):
    with open(PATH, encoding="utf-8", newline="") as file:
        for record in reader(file):
            assert record


def read_xml():
    with open(PATH, "rb") as file:
        xml.etree.ElementTree.fromstring(file.read())


with open(PATH, "rb") as whole:
    size = len(whole.read())
done, began = 0, time.process_time()
while True:
    if KIND == "xml":
        read_xml()
    else:
        read_csv(csv.DictReader if KIND == "names" else csv.reader)
    done += size
    if time.process_time() - began > SECONDS:
        break
print(done / (time.process_time() - began) / 1e6)
