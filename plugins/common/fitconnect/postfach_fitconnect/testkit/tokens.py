"""Keys, and what is signed or answered with them."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.jwk import RSAKey

from postfach_fitconnect.assumed import API_PROBLEM, PROBLEM_STATUS, EventType, Problem
from postfach_fitconnect.keys import unbase64
from postfach_http import Answer

URL = "https://submission.example"
DESTINATION = "11111111-1111-4111-8111-111111111111"
SERVICE = "urn:de:fim:leika:leistung:99000000000000"
SCHEMA = "urn:test:schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A key pair with its id."""

    kid: str
    key: RSAKey

    @property
    def private(self) -> rsa.RSAPrivateKey:
        found = self.key.private_key
        if found is None:
            raise ValueError("only a public key")
        return found

    @property
    def thumbprint(self) -> str:
        """Its id by RFC 7638."""
        return self.key.thumbprint()

    def jwk(self, alg: str, operation: str) -> dict[str, Any]:
        found = dict(self.key.as_dict(private=False))
        return {**found, "kid": self.kid, "alg": alg, "key_ops": [operation]}


def pair(kid: str, bits: int = 3072) -> Pair:
    """Make a key pair; slow."""
    key = rsa.generate_private_key(65537, bits)
    return Pair(kid=kid, key=RSAKey(key, key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The key pairs of all sides; `ours` is for replies."""

    service: Pair
    destination: Pair
    encryption: Pair
    ours: Pair
    stranger: Pair

    @classmethod
    def new(cls) -> "Keys":
        """Make all; takes a second or two."""
        names = ("service", "destination", "encryption", "ours", "stranger")
        return cls(**{name: pair(f"kid-{name}") for name in names})


def sign(
    claims: object, by: Pair, header: Mapping[str, Any] | None = None, alg: str = "PS512"
) -> str:
    """Return a token over any payload."""
    head = {"alg": alg, "typ": "secevent+jwt", "kid": by.kid, **(header or {})}
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    return str(jws.serialize_compact(head, payload.encode(), by.key, registry=registry))


def payload(token: str) -> Any:
    """Return what a token says."""
    return json.loads(unbase64(token.split(".")[1]))


def claims(
    event: EventType,
    issuer: str,
    submission: str,
    case: str,
    value: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "jti": str(uuid4()),
        "iss": issuer,
        "iat": int(time.time()),
        "sub": f"submission:{submission}",
        "txn": f"case:{case}",
        "events": {event.value: dict(value or {})},
    }


def hashed(data: bytes) -> dict[str, str]:
    """Return a hash as metadata have it."""
    return {"type": "sha512", "content": hashlib.sha512(data).hexdigest()}


def announced(attachment: str, filename: str, data: bytes) -> dict[str, Any]:
    """Return an attachment as metadata have it."""
    return {
        "attachmentId": attachment,
        "purpose": "attachment",
        "filename": filename,
        "mimeType": "application/pdf",
        "hash": hashed(data),
    }


def problem(which: Problem, status: int | None = None, **headers: str) -> Answer:
    """Return an error of the service's own."""
    body = {"type": f"{API_PROBLEM}{which}", "title": which.value, "detail": "Canary"}
    return answer(status or PROBLEM_STATUS[which], body, "application/problem+json", **headers)


def answer(
    status: int, body: object = None, media_type: str = "application/json", **headers: str
) -> Answer:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Answer(status=status, headers={"content-type": media_type, **headers}, body=data)
