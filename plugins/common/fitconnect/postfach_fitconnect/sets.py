"""Security event tokens (RFC 8417): what counts as the word of the service or of a destination.

Pure: keys and time are given. A token that is not wholly right proves nothing, and is refused with
the reason; it says nothing of the other tokens of a log. What is checked, in this order:

    FORM       compact JWS, strict base64url, one reading of its JSON, `typ` secevent+jwt, no `crit`
    ALGORITHM  PS512, and nothing else
    CLAIMS     jti, iat, iss, sub, txn, events are there, and of their types
    ISSUER     the service, or the destination that the submission was for
    KEY        the issuer has a key of this `kid` that may be used to verify
    SIGNATURE  by that key, over exactly these bytes
    SUBJECT    this submission
    CASE       its case
    TYPE       exactly one event, a known one, that this issuer may tell
    TIME       neither from the future nor from before the service
    TAGS       authentication tags, where token and sender know some: those of what was sent
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from postfach_fitconnect.assumed import (
    CLOCK_LEEWAY,
    ISSUERS,
    PROBLEMS,
    SET_BYTES_MAX,
    SET_EARLIEST,
    SET_TYP,
    SIGNATURE_ALG,
    TAGS,
    EventType,
    Issuer,
)
from postfach_fitconnect.keys import unbase64

_CLAIMS: Final = {"jti": str, "iat": int, "iss": str, "sub": str, "txn": str, "events": dict}
_TEXT_MAX: Final = 1000
_PROBLEMS_MAX: Final = 16


class Why(StrEnum):
    """What is wrong with a token."""

    FORM = "FORM"
    ALGORITHM = "ALGORITHM"
    CLAIMS = "CLAIMS"
    ISSUER = "ISSUER"
    KEY = "KEY"
    SIGNATURE = "SIGNATURE"
    SUBJECT = "SUBJECT"
    CASE = "CASE"
    TYPE = "TYPE"
    TIME = "TIME"
    TAGS = "TAGS"


class SetRefused(Exception):
    """A token proves nothing."""

    def __init__(self, why: Why) -> None:
        """Take what is wrong."""
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Authentication tags of what was sent: the last parts of the JWEs; attachments by their id."""

    metadata: str
    data: str
    attachments: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token has to be about, and by whom.

    service: the delivery service's issuer URL
    destination: id of the destination that the submission was for
    tags: None: not known any more
    """

    service: str
    destination: str
    submission: str
    case: str
    tags: Tags | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventProblem:
    """Why a destination rejected: the kind of problem. Texts of the one case are not read."""

    type: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a verified token says. `token` is as it came, byte for byte."""

    type: EventType
    at: datetime
    id: str
    issuer: Issuer
    problems: tuple[EventProblem, ...]
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose key a token is to be verified with."""

    issuer: Issuer
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A token that was read, and not verified."""

    signer: Signer
    claims: Mapping[str, Any]


def signer(token: str, expected: Expected) -> Signer:
    """Return whose key is needed; nothing is verified yet. Raises SetRefused."""
    return _read(token, expected).signer


def verified(
    token: str, keys: Mapping[Signer, RSAPublicKey], expected: Expected, now: float
) -> Event:
    """Return what a token says. Raises SetRefused.

    keys: those of the issuers; one that is not there makes the token refused
    now: seconds since 1970
    """
    found = _read(token, expected)
    key = keys.get(found.signer)
    if key is None:
        raise SetRefused(Why.KEY)
    _check_signature(token, key)
    claims = found.claims
    if claims["sub"].lower() != f"submission:{expected.submission}":
        raise SetRefused(Why.SUBJECT)
    if claims["txn"].lower() != f"case:{expected.case}":
        raise SetRefused(Why.CASE)
    event, value = _event(claims["events"], found.signer.issuer)
    if not SET_EARLIEST <= claims["iat"] <= now + CLOCK_LEEWAY:
        raise SetRefused(Why.TIME)
    _check_tags(value.get(TAGS), expected.tags)
    return Event(
        type=event,
        at=datetime.fromtimestamp(claims["iat"], UTC),
        id=claims["jti"],
        issuer=found.signer.issuer,
        problems=_problems(value.get(PROBLEMS)),
        token=token,
    )


def _read(token: str, expected: Expected) -> _Read:
    parts = token.split(".")
    if len(token) > SET_BYTES_MAX or len(parts) != 3:
        raise SetRefused(Why.FORM)
    header, claims = _object(parts[0]), _object(parts[1])
    typ, kid = header.get("typ"), header.get("kid")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") != SET_TYP:
        raise SetRefused(Why.FORM)
    if {"crit", "b64"} & header.keys():  # RFC 7515, 4.1.11: what is not understood is refused
        raise SetRefused(Why.FORM)
    if header.get("alg") != SIGNATURE_ALG:
        raise SetRefused(Why.ALGORITHM)
    for name, kind in _CLAIMS.items():
        value = claims.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or value in ("", {}):
            raise SetRefused(Why.CLAIMS)
    # not printable: JSON can spell half of a character, and no path can be made of it
    if not isinstance(kid, str) or not 0 < len(kid) <= _TEXT_MAX or not kid.isprintable():
        raise SetRefused(Why.KEY)
    return _Read(signer=Signer(issuer=_issuer(claims["iss"], expected), kid=kid), claims=claims)


def _issuer(claimed: str, expected: Expected) -> Issuer:
    if claimed.rstrip("/") == expected.service.rstrip("/"):
        return Issuer.SERVICE
    if claimed.lower() == expected.destination:
        return Issuer.DESTINATION
    raise SetRefused(Why.ISSUER)


def _check_signature(token: str, key: RSAPublicKey) -> None:
    registry = jws.JWSRegistry(algorithms=[SIGNATURE_ALG], strict_check_header=False)
    registry.max_header_length = registry.max_signature_length = SET_BYTES_MAX
    try:
        jws.deserialize_compact(token, RSAKey(key, key), registry=registry)
    except (JoseError, ValueError):
        raise SetRefused(Why.SIGNATURE) from None


def _event(events: Mapping[str, Any], issuer: Issuer) -> tuple[EventType, Mapping[str, Any]]:
    if len(events) != 1:
        raise SetRefused(Why.TYPE)
    ((name, value),) = events.items()
    try:
        event = EventType(name)
    except ValueError:
        raise SetRefused(Why.TYPE) from None
    if issuer not in ISSUERS[event] or not isinstance(value, dict):
        raise SetRefused(Why.TYPE)
    return event, value


def _check_tags(told: object, sent: Tags | None) -> None:
    if told is None or sent is None:
        return
    wanted = {"metadata": sent.metadata, "data": sent.data, "attachments": dict(sent.attachments)}
    if not isinstance(told, dict) or any(
        name in told and told[name] != value for name, value in wanted.items()
    ):
        raise SetRefused(Why.TAGS)


def _problems(told: object) -> tuple[EventProblem, ...]:
    listed = told if isinstance(told, list) else []
    return tuple(
        EventProblem(type=_text(each, "type"), title=_text(each, "title"))
        for each in listed[:_PROBLEMS_MAX]
        if isinstance(each, dict)
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(unbase64(part), object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise SetRefused(Why.FORM) from None
    if not isinstance(found, dict):
        raise SetRefused(Why.FORM)
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # two readers might take two values
        raise ValueError("a member occurs twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
