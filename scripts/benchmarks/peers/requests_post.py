"""python's requests, a session a thread: requests_post.py URL COUNT WIDTH string|json."""
import json
import os
import sys
import threading

import requests

URL, COUNT, WIDTH, MODE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def read(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


BODY = read("BODY")
HEADERS = {
    "Authorization": "Bearer " + read("TOKEN").decode(),
    "Content-Type": "application/json",
    "Accept": "application/json",
    "SAP_ApplicationID": "01890a5d-ac96-774b-bcce-b302099a8057",
}


def record(number):
    fields = {"order": number, "customer": "C-10017", "currency": "EUR", "plant": "1000",
              "total": 1234.5, "urgent": True, "f54": "Walldorf, Baden, Germany"}
    for i in range(1, 54):
        fields["f%02d" % i] = i if i % 2 else "x-%d" % i
    return fields


def worker(first):
    session = requests.Session()
    session.verify = os.environ["CACERT"]
    session.trust_env = False
    for number in range(first, COUNT, WIDTH):
        data = json.dumps(record(number)) if MODE == "json" else BODY
        session.post(URL, data=data, headers=HEADERS).raise_for_status()


threads = [threading.Thread(target=worker, args=(i,)) for i in range(WIDTH)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
