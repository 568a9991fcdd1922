"""A valid submission, made step by step without the client's code, so that a test can spoil it.

It says what the service wants, a second time: a fault that client and sandbox shared would pass
unseen, one that this shares with neither does not.
"""

import base64
import hashlib
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from joserfc import jwe
from joserfc.jwk import RSAKey

from postfach_fitconnect.sandbox.receiving import Handed

SERVICE: Final = "urn:de:fim:leika:leistung:99012012001000"
SCHEMA: Final = "urn:postfachdienst:fit-connect:notice:1"
_ALGORITHMS: Final = ["RSA-OAEP-256", "RSA-OAEP", "A256GCM", "A128GCM", "DEF"]
_PROBLEMS: Final = "https://schema.fitko.de/fit-connect/submission-api/problems/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer; `step`: which request it answers."""

    step: str
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON; empty: it is none."""
        found = json.loads(self.body) if "json" in self.headers.get("content-type", "") else {}
        return found if isinstance(found, dict) else {}

    @property
    def problem(self) -> str:
        """What the body names as problem; empty: it names none."""
        return str(self.json.get("type", "")).removeprefix(_PROBLEMS)


@dataclass(slots=True, kw_only=True)  # a test changes it before it is sent
class Request:
    """A request, as it is about to be sent; a header that is None is not sent."""

    method: str
    path: str
    headers: dict[str, str | None]
    body: bytes


Spoil = Callable[[Request], None]


class Line:
    """Sends requests over TLS, each on a connection of its own."""

    def __init__(self, port: int, trust: Path, seconds: float = 20) -> None:
        """Take where to, whom to trust, and how long an answer may take."""
        self._port, self._trust, self._seconds = port, trust, seconds

    def send(self, request: Request, step: str = "") -> Heard:
        """Send a request and return its answer. Raises OSError, http.client.HTTPException."""
        context = ssl.create_default_context(cafile=self._trust)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, context=context, timeout=self._seconds
        )
        headers = {name: value for name, value in request.headers.items() if value is not None}
        chunked = headers.get("Transfer-Encoding") == "chunked"
        body = iter([request.body]) if chunked else request.body or None
        try:
            connection.request(request.method, request.path, body, headers, encode_chunked=chunked)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Heard(step=step, status=answer.status, body=answer.read(), headers=told)
        finally:
            connection.close()

    def token(self, client: str, secret: str, **fields: str) -> Heard:
        """Ask for a token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": secret,
            **fields,
        }
        headers: dict[str, str | None] = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        return self.send(Request(method="POST", path="/token", headers=headers, body=body), "token")


class Attempt:
    """What is sent. All may be changed before it is.

    line: how it is sent
    jwk: the destination's public key; keys: of one part instead, by its name
    jose: changes to the headers of JWEs, by the name of the part; None takes a member out
    order, outer, metadata: the JSON of create and submit, and the metadata
    announced: ids of attachments, one for each file
    clear: what is encrypted instead, by the name of the part
    altered: changes JWEs, by the name of the part: `metadata`, `data`, `0`, `1`
    spoils: changes requests, by their step: `create`, `attachment`, `submit`
    uploads: numbers of files, in the order in which they are uploaded
    """

    def __init__(self, line: Line, token: str, destination: str, jwk: Mapping[str, Any]) -> None:
        """Begin with a valid submission of two files."""
        self.line = line
        self.token, self.destination, self.jwk = token, destination, dict(jwk)
        self.keys: dict[str, RSAKey] = {}
        self.jose: dict[str, dict[str, Any]] = {}
        self.order: Callable[[dict[str, Any]], object] = lambda each: each
        self.outer: Callable[[dict[str, Any]], object] = lambda each: each
        self.metadata: Callable[[dict[str, Any]], object] = lambda each: each
        self.data = b'{"text":"Guten Tag"}'
        self.data_type = "application/json"
        self.files = [
            Handed(filename="bescheid.pdf", content_type="application/pdf", data=b"%PDF-1.4 1"),
            Handed(filename="Übersicht 2.txt", content_type="text/plain", data=b"eins\r\nzwei"),
        ]
        self.announced = [str(uuid4()) for _ in self.files]
        self.clear: dict[str, bytes] = {}
        self.altered: dict[str, Callable[[bytes], bytes]] = {}
        self.spoils: dict[str, Spoil] = {}
        self.uploads = [0, 1]
        self.submission, self.case = str(uuid4()), ""

    def run(self) -> Heard:
        """Do it to the end, or until something is refused; return the last answer."""
        heard = self.create()
        for number in self.uploads if heard.status == 201 else ():
            heard = self.upload(number)
            if heard.status != 204:
                return heard
        return self.submit() if heard.status in (201, 204) else heard

    def create(self) -> Heard:
        """Create the submission."""
        order = {
            "destinationId": self.destination,
            "announcedAttachments": list(self.announced),
            "publicService": {"identifier": SERVICE, "name": "Bescheid"},
        }
        heard = self._send("create", "POST", "/v2/submissions", _json(_changed(self.order, order)))
        if heard.status == 201:
            self.submission = str(heard.json["submissionId"])
            self.case = str(heard.json["caseId"])
        return heard

    def upload(self, number: int) -> Heard:
        """Upload a file."""
        each = self.files[number]
        token = self._sealed(str(number), each.data, each.content_type)
        path = f"/v2/submissions/{self.submission}/attachments/{self.announced[number]}"
        return self._send("attachment", "PUT", path, token, "application/jose")

    def submit(self) -> Heard:
        """Submit."""
        about = _json(_changed(self.metadata, self._metadata()))
        body = {
            "encryptedMetadata": self._sealed("metadata", about, "application/json").decode(),
            "encryptedData": self._sealed("data", self.data, self.data_type).decode(),
        }
        path = f"/v2/submissions/{self.submission}"
        return self._send("submit", "PUT", path, _json(_changed(self.outer, body)))

    def ask(self, path: str, method: str = "GET") -> Heard:
        """Ask for something with our token."""
        return self._send("ask", method, path, b"")

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the tokens of the event log say, unverified."""
        heard = self.ask(f"/v2/submissions/{self.submission}/events")
        return [payload(each) for each in heard.json["eventLog"]]

    def _send(
        self, step: str, method: str, path: str, body: bytes, kind: str = "application/json"
    ) -> Heard:
        headers: dict[str, str | None] = {"Authorization": f"Bearer {self.token}"}
        if body:
            headers["Content-Type"] = kind
        request = Request(method=method, path=path, headers=headers, body=body)
        spoil = self.spoils.get(step)
        if spoil is not None:
            spoil(request)
        return self.line.send(request, step)

    def _metadata(self) -> dict[str, Any]:
        return {
            "$schema": "https://schema.fitko.de/fit-connect/metadata/2.0.0/metadata.schema.json",
            "contentStructure": {
                "data": {
                    "submissionSchema": {"schemaUri": SCHEMA, "mimeType": self.data_type},
                    "hash": hashed(self.data),
                },
                "attachments": [
                    {
                        "attachmentId": name,
                        "purpose": "attachment",
                        "filename": each.filename,
                        "mimeType": each.content_type,
                        "hash": hashed(each.data),
                    }
                    for name, each in zip(self.announced, self.files, strict=True)
                ],
            },
            "publicServiceType": {"identifier": SERVICE, "name": "Bescheid"},
        }

    def _sealed(self, part: str, data: bytes, kind: str) -> bytes:
        header = {
            "alg": "RSA-OAEP-256",
            "enc": "A256GCM",
            "kid": self.jwk["kid"],
            "cty": kind,
            **self.jose.get(part, {}),
        }
        kept = {name: value for name, value in header.items() if value is not None}
        public = {name: self.jwk[name] for name in ("kty", "n", "e")}
        key = self.keys.get(part) or RSAKey.import_key(public)
        registry = jwe.JWERegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        token = jwe.encrypt_compact(kept, self.clear.get(part, data), key, registry=registry)
        return self.altered.get(part, bytes)(token.encode())


def hashed(data: bytes) -> dict[str, str]:
    """Return a hash as metadata have it."""
    return {"type": "sha512", "content": hashlib.sha512(data).hexdigest()}


def payload(token: str) -> dict[str, Any]:
    """Return what a token says, unverified."""
    part = token.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return dict(found)


def _changed(change: Callable[[dict[str, Any]], object], fields: dict[str, Any]) -> object:
    """Return what the change returns; None: it changed the fields in place."""
    found = change(fields)
    return fields if found is None else found


def _json(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
