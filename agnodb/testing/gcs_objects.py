"""Cloud Storage for tests of media: fake-gcs-server, and in front of it what it lacks for obstore.

obstore speaks the XML API, of which fake-gcs-server knows all that is needed but uploads: it takes a PUT only where the
URL says that it is signed, and its answer has no ETag. The forwarder here passes every request on as it is, and adds
that to a PUT and its answer. obstore signs with a key that nobody knows; the server looks at no signature.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agnodb.testing.gcs_server import GcsServer
from agnodb.testing.servers import LOOPBACK

_SIGNED = "X-Goog-Algorithm=none"
_OF_ONE_CONNECTION = {"host", "connection", "transfer-encoding", "content-length"}


class GcsObjects:
    """A server whose objects are in its memory, for `AsyncObjectStorage("gs://...", **options)`."""

    def __init__(self, server: GcsServer) -> None:
        self._server, self._key = server, _new_key()
        self._forwarder = ThreadingHTTPServer((LOOPBACK, 0), _forwarding(server.port))
        self._forwarder.daemon_threads = True
        threading.Thread(target=self._forwarder.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @classmethod
    def start(cls) -> Self:
        """A server that answers. Raises ServerUnavailableError."""
        return cls(GcsServer.start())

    @property
    def options(self) -> dict[str, Any]:
        """What obstore needs to reach it."""
        place = {"gcs_base_url": f"http://{LOOPBACK}:{self._forwarder.server_port}", "disable_oauth": False}
        nobody = {"client_email": "nobody@test", "private_key": self._key, "private_key_id": "none"}
        return {"service_account_key": json.dumps({**place, **nobody}), "client_options": {"allow_http": True}}

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        body, kind = json.dumps({"name": name}).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._server.url}/storage/v1/b?project=test", body, kind, method="POST")
        with urllib.request.urlopen(request):
            pass

    def stop(self) -> None:
        """End both."""
        self._forwarder.shutdown()
        self._forwarder.server_close()
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _new_key() -> str:
    made = rsa.generate_private_key(65537, 2048)
    unencrypted = serialization.NoEncryption()
    return made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted).decode()


def _forwarding(port: int) -> type[BaseHTTPRequestHandler]:
    class Forwarding(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize, disable_nagle_algorithm = -1, True

        def _forward(self) -> None:
            path = f"{self.path}{'&' if '?' in self.path else '?'}{_SIGNED}" if self.command == "PUT" else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
            upstream = http.client.HTTPConnection(LOOPBACK, port)
            try:
                upstream.request(self.command, path, body, given)
                answer = upstream.getresponse()
                content = answer.read()
                size = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(content))
            finally:
                upstream.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_ONE_CONNECTION:
                    self.send_header(name, value)
            if self.command == "PUT" and "ETag" not in answer.headers:
                self.send_header("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
            self.send_header("Content-Length", size or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _forward

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a test says what went wrong."""

    return Forwarding
