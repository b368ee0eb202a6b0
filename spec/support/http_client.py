"""http_client.py -- Python's own HTTP and TLS as a client of the sandbox; prints what it got as JSON.

usage: http_client.py JOB, where JOB is a JSON file: cafile, secret, certificate (service keys'
"oauth" objects), cert, key (PEM files of the certificate key), runtime (URL).
"""
import base64
import http.client
import json
import ssl
import sys
from urllib.parse import urlencode, urlsplit


def connect(url, job, with_certificate=False):
    context = ssl.create_default_context(cafile=job["cafile"])
    if with_certificate:
        context.load_cert_chain(job["cert"], job["key"])
    parts = urlsplit(url)
    return http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=20)


def request(connection, method, path, body=None, headers=None, **more):
    connection.request(method, path, body, headers or {}, **more)
    answer = connection.getresponse()
    return {"status": answer.status, "body": answer.read().decode(), "headers": dict(answer.headers)}


def token(oauth, job, with_certificate):
    form = {"grant_type": "client_credentials"}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if with_certificate:
        form["client_id"] = oauth["clientid"]
    else:
        pair = f"{oauth['clientid']}:{oauth['clientsecret']}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    connection = connect(oauth["tokenurl"], job, with_certificate)
    return request(connection, "POST", urlsplit(oauth["tokenurl"]).path, urlencode(form), headers)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    result = {"secret": token(job["secret"], job, False),
              "certificate": token(job["certificate"], job, True)}
    headers = {"Authorization": "Bearer " + json.loads(result["secret"]["body"])["access_token"]}
    connection = connect(job["runtime"], job)
    result["call"] = request(connection, "POST", "/http/orders", b"one", headers)
    first = connection.sock
    pieces = (b"%d;" % i for i in range(1000))
    result["chunked"] = request(connection, "POST", "/http/orders", pieces, headers,
                                encode_chunked=True)
    result["same_connection"] = connection.sock is first
    result["head"] = request(connection, "HEAD", "/http/orders", None, headers)
    result["missing"] = request(connection, "POST", "/http/nothing", b"x", headers)
    print(json.dumps(result))


main()
