"""oauth_server.py -- an OAuth 2.0 server that is not ours: python3-oauthlib decides, this file only
carries requests to it over HTTPS. Serves /oauth/token (Basic, client_secret in the body, or a
client certificate by RFC 8705) and the protected /http/orders.

usage: oauth_server.py CONFIG, a JSON file: port, cert, key, client_ca, client_id, client_secret,
expires_in. Prints "ready" when it listens.
"""
import base64
import hmac
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_plus

from oauthlib.oauth2 import BackendApplicationServer, RequestValidator

with open(sys.argv[1], encoding="utf-8") as config_file:
    CONFIG = json.load(config_file)
TOKENS = {}


class Client:
    client_id = CONFIG["client_id"]


class Validator(RequestValidator):
    def client_authentication_required(self, request, *args, **kwargs):
        return True

    def authenticate_client(self, request, *args, **kwargs):
        client_id, secret = self.credentials(request)
        good = client_id == Client.client_id and (
            request.headers.get("X-Verified-Certificate") == "yes" if secret is None
            else hmac.compare_digest(secret.encode(), CONFIG["client_secret"].encode()))
        if good:
            request.client = Client()
        return good

    @staticmethod
    def credentials(request):
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":  # RFC 6749, 2.3.1: both halves are form-encoded
            user, _, password = base64.b64decode(value).decode().partition(":")
            return unquote_plus(user), unquote_plus(password)
        return request.client_id, request.client_secret

    def validate_grant_type(self, client_id, grant_type, client, request, *args, **kwargs):
        return grant_type == "client_credentials"

    def validate_scopes(self, client_id, scopes, client, request, *args, **kwargs):
        return set(scopes) <= {"orders", "invoices"}

    def get_default_scopes(self, client_id, request, *args, **kwargs):
        return ["orders"]

    def save_bearer_token(self, token, request, *args, **kwargs):
        TOKENS[token["access_token"]] = token["scope"].split()

    def validate_bearer_token(self, token, scopes, request):
        return set(scopes) <= set(TOKENS.get(token, []))


SERVER = BackendApplicationServer(Validator(), token_expires_in=CONFIG["expires_in"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        headers = dict(self.headers.items())
        headers.pop("X-Verified-Certificate", None)
        if self.connection.getpeercert():
            headers["X-Verified-Certificate"] = "yes"
        url = f"https://localhost:{CONFIG['port']}{self.path}"
        if self.path.startswith("/oauth/token"):
            self.answer(*reversed(SERVER.create_token_response(url, "POST", body, headers)))
            return
        good, _ = SERVER.verify_request(url, "POST", body, headers, ["orders"])
        if good:
            self.answer(200, f"got {len(body)} bytes", {"Content-Type": "text/plain"})
        else:
            self.answer(401, "", {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    def answer(self, status, body, headers):
        data = (body or "").encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CONFIG["cert"], CONFIG["key"])
context.load_verify_locations(CONFIG["client_ca"])
context.verify_mode = ssl.CERT_OPTIONAL
httpd = ThreadingHTTPServer(("127.0.0.1", CONFIG["port"]), Handler)
httpd.daemon_threads = True
httpd.socket = context.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
print("ready", flush=True)
httpd.serve_forever()
