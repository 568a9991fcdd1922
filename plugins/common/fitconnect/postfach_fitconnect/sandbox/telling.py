"""Security event tokens (RFC 8417), really signed: PS512 by the service or by a destination."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import RSAKey

from postfach_fitconnect.assumed import (
    SET_SCHEMA,
    SET_TYP,
    SIGNATURE_ALG,
    TAGS,
    EventType,
    Issuer,
)
from postfach_fitconnect.sandbox.keyring import Keyring, Pair
from postfach_fitconnect.sandbox.records import Record
from postfach_fitconnect.sandbox.switching import Spoil
from postfach_sandbox.faults import Switches

_DAY: Final = 86_400


@dataclass(slots=True, kw_only=True)  # a spoiler changes it before it is signed
class Draft:
    """A token that is not signed yet."""

    key: RSAKey
    service: Pair
    issuer: str
    header: dict[str, Any]
    claims: dict[str, Any] = field(default_factory=dict)


class Teller:
    """Tells events.

    issuer: what the service's tokens name as such
    """

    def __init__(self, keyring: Keyring, issuer: str, switches: Switches) -> None:
        """Take whose keys, and whose clock."""
        self._keyring, self.issuer, self._switches = keyring, issuer, switches

    def tell(
        self,
        record: Record,
        event: EventType,
        by: Issuer,
        value: Mapping[str, Any],
        spoil: Spoil | None = None,
    ) -> str:
        """Return the token of an event."""
        draft = self._draft(record, event, by, value)
        if spoil is not None:
            _SPOILERS[spoil](draft)
        registry = jws.JWSRegistry(algorithms=[SIGNATURE_ALG, "RS512"])
        payload = json.dumps(draft.claims, separators=(",", ":")).encode()
        return jws.serialize_compact(draft.header, payload, draft.key, registry=registry)

    def _draft(
        self, record: Record, event: EventType, by: Issuer, value: Mapping[str, Any]
    ) -> Draft:
        service = self._keyring.service
        own = by is Issuer.DESTINATION
        pair = self._keyring.signature(record.destination) if own else service
        return Draft(
            key=pair.key,
            service=service,
            issuer=self.issuer,
            header={"alg": SIGNATURE_ALG, "typ": SET_TYP, "kid": pair.kid},
            claims={
                "$schema": SET_SCHEMA,
                "jti": str(uuid4()),
                "iss": record.destination if own else self.issuer,
                "iat": int(self._switches.now(record.destination).timestamp()),
                "sub": f"submission:{record.id}",
                "txn": f"case:{record.case}",
                "events": {event.value: dict(value)},
            },
        )


def _signature(draft: Draft) -> None:
    draft.key = draft.service.key


def _algorithm(draft: Draft) -> None:
    draft.header["alg"] = "RS512"


def _key(draft: Draft) -> None:
    draft.header["kid"] = str(uuid4())


def _issuer(draft: Draft) -> None:
    draft.claims["iss"] = str(uuid4())


def _by(draft: Draft) -> None:
    draft.key, draft.header["kid"] = draft.service.key, draft.service.kid
    draft.claims["iss"] = draft.issuer


def _subject(draft: Draft) -> None:
    draft.claims["sub"] = f"submission:{uuid4()}"


def _case(draft: Draft) -> None:
    draft.claims["txn"] = f"case:{uuid4()}"


def _type(draft: Draft) -> None:
    ((name, value),) = draft.claims["events"].items()
    draft.claims["events"] = {f"{name}-2": value}


def _two(draft: Draft) -> None:
    (value,) = draft.claims["events"].values()
    draft.claims["events"] = {
        EventType.ACCEPT.value: value,
        EventType.REJECT.value: {"problems": []},
    }


def _time(draft: Draft) -> None:
    draft.claims["iat"] += _DAY


def _tags(draft: Draft) -> None:
    (value,) = draft.claims["events"].values()
    value[TAGS] = {"metadata": "AAAAAAAAAAAAAAAAAAAAAA", "data": "AAAAAAAAAAAAAAAAAAAAAA"}


_SPOILERS: Final[Mapping[Spoil, Callable[[Draft], None]]] = MappingProxyType(
    {
        Spoil.SIGNATURE: _signature,
        Spoil.ALGORITHM: _algorithm,
        Spoil.KEY: _key,
        Spoil.ISSUER: _issuer,
        Spoil.BY: _by,
        Spoil.SUBJECT: _subject,
        Spoil.CASE: _case,
        Spoil.TYPE: _type,
        Spoil.TWO: _two,
        Spoil.TIME: _time,
        Spoil.TAGS: _tags,
    }
)
