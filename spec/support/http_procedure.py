"""http_procedure.py -- Python's http.client plays the procedure of a sender against the sandbox, step
by step; prints what it got as JSON, one entry a step.

usage: http_procedure.py JOB, where JOB is a JSON file: cafile, runtime, api (URLs), own, other,
monitor (service keys' "oauth" objects: with the flow's role, without it, and of plan api).
"""
import base64
import http.client
import json
import ssl
import sys
from urllib.parse import quote, urlsplit


def request(job, method, url, body=None, headers=None):
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=job["cafile"])
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=60)
    target = parts.path + ("?" + parts.query if parts.query else "")
    connection.request(method, target, body, headers or {})
    answer = connection.getresponse()
    fields = {name.lower(): value for name, value in answer.getheaders()}
    fields["cookies"] = "; ".join(c.split(";")[0] for c in answer.headers.get_all("Set-Cookie", []))
    return {"status": answer.status, "body": answer.read().decode(), "headers": fields}


def token(job, oauth, secret=None):
    pair = f"{oauth['clientid']}:{secret or oauth['clientsecret']}".encode()
    headers = {"Authorization": "Basic " + base64.b64encode(pair).decode(),
               "Content-Type": "application/x-www-form-urlencoded"}
    return request(job, "POST", oauth["tokenurl"], "grant_type=client_credentials", headers)


def bearer(answer):
    return {"Authorization": "Bearer " + json.loads(answer["body"])["access_token"]}


def message_log(job, headers, answers):
    logs = job["api"] + "/api/v1/MessageProcessingLogs"
    headers = dict(headers, Accept="application/json")
    number = answers["call"]["headers"]["sap_messageprocessinglogid"]
    answers["log"] = request(job, "GET", f"{logs}('{number}')", None, headers)
    wanted = quote("Status eq 'COMPLETED' and IntegrationFlowName eq 'orders'")
    answers["logs"] = request(job, "GET", f"{logs}?$filter={wanted}&$top=5", None, headers)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    orders, answers = job["runtime"] + "/http/orders", {}
    answers["wrong secret"] = token(job, job["own"], "wrong")
    answers["wrong role"] = request(job, "POST", orders, b"x", bearer(token(job, job["other"])))
    own, monitor = bearer(token(job, job["own"])), bearer(token(job, job["monitor"]))
    answers["wrong plan"] = request(job, "POST", orders, b"x", monitor)
    answers["no csrf"] = request(job, "POST", orders, b"x", own)
    fetched = request(job, "GET", orders, None, dict(own, **{"X-CSRF-Token": "Fetch"}))
    answers["fetch"] = fetched
    headers = dict(own, **{"X-CSRF-Token": fetched["headers"]["x-csrf-token"]})
    answers["no cookies"] = request(job, "POST", orders, b"x", headers)
    headers["Cookie"] = fetched["headers"]["cookies"]
    answers["call"] = request(job, "POST", orders, b"an order", headers)
    message_log(job, monitor, answers)
    print(json.dumps(answers))


main()
