"""legacy_client.py -- a system of old that speaks plain HTTP/1.0 and knows no OAuth: posts orders to
a relay, each over a connection of its own, and repeats what was not taken.

    python3 legacy_client.py PORT COUNT [CUSTOMERS]

Each customer's orders are posted one after the other, the customers (8) at the same time. Order n of
a customer is "CUSTOMER n", its id is CUSTOMER-n. Prints as JSON how often each status came.
"""
import collections
import http.client
import json
import sys
import threading
import time

http.client.HTTPConnection._http_vsn = 10
http.client.HTTPConnection._http_vsn_str = "HTTP/1.0"

port, count = int(sys.argv[1]), int(sys.argv[2])
customers = int(sys.argv[3]) if len(sys.argv) > 3 else 8
statuses = collections.Counter()
failures = []


def post(customer, number):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/orders", f"{customer} {number}",
                       {"SAP_ApplicationID": f"{customer}-{number}", "Content-Type": "text/plain"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer, body


def post_all(customer, numbers):
    try:
        for number in numbers:
            while True:
                answer, body = post(customer, number)
                statuses[answer.status] += 1
                if answer.status in (200, 202):
                    assert body["id"] == f"{customer}-{number}", body
                    break
                assert answer.status == 503, (answer.status, body)
                time.sleep(min(int(answer.headers["Retry-After"]), 1))
    except Exception as why:  # told in the end: a thread's own end is silent
        failures.append(repr(why))


threads = []
for i in range(customers):
    share = count // customers + (1 if i < count % customers else 0)
    threads.append(threading.Thread(target=post_all, args=(f"c{i}", range(1, share + 1))))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({str(status): n for status, n in statuses.items()}))
if failures:
    sys.exit("\n".join(failures))
