"""A valid request, made piece by piece without the plugin's code, so that a test can spoil a piece.

It says what the service wants, a second time: a fault that plugin and sandbox shared would pass
unseen, one that this shares with neither does not.
"""

import base64
import hashlib
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from postfach_mailbox_bundid.sandbox.upload import Handed
from postfach_sandbox.issuing import Issued, common_name

_PDF = b"%PDF-1.4\n%%EOF\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """What the body names as code; empty: it names none."""
        return str(self.body.get("code", ""))


class Attempt:
    """What is sent. Every attribute may be changed before `body`, `head` or `envelope` is asked.

    fields: the content's; text: the content as it is sent, instead of `fields`
    signed: what is signed instead of the content
    announced: False leaves `fields` as they are, instead of announcing `files`
    outer: changes to the envelope, None takes a field out
    begin, end: the first boundary, and what follows the last one
    parts: changes the list of parts (headers, data) at the end; headers: of the request, likewise
    """

    def __init__(self, issued: Issued, mailbox: str) -> None:
        """Begin with a valid message to the mailbox, of two files."""
        self.key = issued.key
        self.token_key = issued.key
        self.hash: HashAlgorithm = SHA512()
        self.certificate = issued.certificate
        now = int(datetime.now(UTC).timestamp())
        signer = common_name(issued.certificate)
        self.jose: dict[str, Any] = {"alg": "RS512", "typ": "JWT"}
        self.claims: dict[str, Any] = {
            "iat": now,
            "exp": now + 1800,
            "signer": signer,
            "roles": ["THIRD_PARTY"],
        }
        self.fields: dict[str, Any] = {
            "mailboxUuid": mailbox,
            "stork_qaa_level": 1,
            "sender": "Amt für Beispiele",
            "title": "Ihr Bescheid",
            "content": "<p>Guten Tag &amp; willkommen.</p>",
            "service": "Bescheid",
            "applicationId": None,
        }
        self.files = [
            Handed(filename="bescheid.pdf", content_type="application/pdf", data=_PDF),
            Handed(filename="Übersicht 2.txt", content_type="text/plain", data=b"eins\r\nzwei"),
        ]
        self.announced = True
        self.text: bytes | None = None
        self.signed: bytes | None = None
        self.outer: dict[str, Any] = {}
        self.parts: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]] = lambda each: each
        self.headers: dict[str, str | None] = {}
        self.begin, self.end = b"--limit", b"--\r\n"

    @classmethod
    def state(cls, issued: Issued, application: str) -> "Attempt":
        """Begin with a valid state instead."""
        attempt = cls(issued, application)
        attempt.files, attempt.announced = [], False
        attempt.fields = {
            "applicationId": application,
            "status": "PROCESSING",
            "publicServiceName": {"de": "Beispielantrag"},
            "senderName": "Amt für Beispiele",
            "createdDate": "2026-03-01T10:00:00.000Z",
        }
        return attempt

    def token(self) -> str:
        """Return the token."""
        if self.jose["alg"] == "none":
            return f"{_piece(self.jose)}.{_piece(self.claims)}."
        head = f"{_piece(self.jose)}.{_piece(self.claims)}"
        return f"{head}.{_url64(self.token_key.sign(head.encode(), PKCS1v15(), self.hash))}"

    def envelope(self, *, bridged: bool = False) -> bytes:
        """Return the envelope."""
        if self.announced:
            self.fields["attachments"] = [
                {
                    "filename": each.filename,
                    "sha512sum": hashlib.sha512(each.data).hexdigest(),
                    "contentLength": len(each.data),
                }
                for each in self.files
            ]
        content = self.text or json.dumps(self.fields, ensure_ascii=False).encode()
        signature = self.key.sign(self.signed or content, PKCS1v15(), SHA512())
        fields: dict[str, Any] = {
            "content": content.decode(),
            "sha512sum": base64.b64encode(signature).decode(),
        }
        if bridged:
            fields["authorToken"] = self.token()
            fields["authorCertificate"] = self.certificate.public_bytes(Encoding.PEM).decode()
        fields |= self.outer
        kept = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(kept).encode()

    def body(self) -> bytes:
        """Return the multipart body of a message."""
        parts = [('Content-Disposition: form-data; name="json"', self.envelope())]
        for each in self.files:
            name = each.filename.replace("\\", "\\\\").replace('"', '\\"')
            place = f'Content-Disposition: form-data; name="files"; filename="{name}"'
            parts.append((f"{place}\r\nContent-Type: {each.content_type}", each.data))
        told = [head.encode() + b"\r\n\r\n" + data for head, data in self.parts(parts)]
        between = b"\r\n--limit\r\n".join(told)
        return self.begin + b"\r\n" + between + b"\r\n--limit" + self.end

    def head(self, kind: str) -> dict[str, str]:
        """Return the request's headers."""
        found: dict[str, str | None] = {
            "Authorization": f"Bearer {self.token()}",
            "Content-Type": kind,
        }
        return {name: value for name, value in (found | self.headers).items() if value is not None}

    def send(self, port: int, trust: Path, client: Path | None, *, timeout: float = 20) -> Heard:
        """Send it as a message; `client`: PEM of certificate and key. Raises OSError."""
        head = self.head("multipart/form-data; boundary=limit")
        return send(
            port,
            trust,
            client,
            method="PUT",
            path="/v6/mailbox/messages",
            headers=head,
            body=self.body(),
            timeout=timeout,
        )

    def send_state(self, port: int, trust: Path, client: Path | None) -> Heard:
        """Send it as a state."""
        return send(
            port,
            trust,
            client,
            method="POST",
            path="/v6/mailbox/applications/states",
            headers=self.head("application/json"),
            body=self.envelope(),
        )


def send(
    port: int,
    trust: Path,
    client: Path | None,
    *,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    timeout: float = 20,
) -> Heard:
    """Send a request over TLS, with these headers and, where none is among them, a length."""
    context = ssl.create_default_context(cafile=trust)
    if client is not None:
        context.load_cert_chain(client)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=timeout)
    try:
        chunked = headers.get("Transfer-Encoding") == "chunked"
        connection.request(
            method, path, iter([body]) if chunked else body, dict(headers), encode_chunked=chunked
        )
        answer = connection.getresponse()
        data = answer.read()
        kind = answer.headers.get_content_type()
        found = json.loads(data) if kind == "application/json" else {}
        return Heard(status=answer.status, body=found, headers=dict(answer.headers))
    finally:
        connection.close()


def _piece(value: object) -> str:
    return _url64(json.dumps(value).encode())


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
