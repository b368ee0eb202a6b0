"""odata_client.py -- Python's urllib as a client of a tenant's OData API; prints what it got.

usage: odata_client.py JOB, where JOB is a JSON file: cafile, oauth (a service key's), and urls by
name, each of which is followed over all of its pages. Prints { name: [ids of the logs] }.
"""
import base64
import json
import ssl
import sys
from urllib.parse import urlencode
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    context = ssl.create_default_context(cafile=job["cafile"])
    opener = build_opener(HTTPSHandler(context=context), ProxyHandler({}))

    def ask(url, authorization, data=None):
        headers = {"Authorization": authorization, "Accept": "application/json"}
        with opener.open(Request(url, data, headers), timeout=20) as answer:
            return json.load(answer)

    oauth = job["oauth"]
    pair = f"{oauth['clientid']}:{oauth['clientsecret']}".encode()
    token = ask(oauth["tokenurl"], "Basic " + base64.b64encode(pair).decode(),
                urlencode({"grant_type": "client_credentials"}).encode())["access_token"]
    result = {}
    for name, url in job["urls"].items():
        result[name] = []
        while url:
            page = ask(url, "Bearer " + token)["d"]
            result[name] += [one["MessageGuid"] for one in page["results"]]
            url = page.get("__next")
    print(json.dumps(result))


main()
