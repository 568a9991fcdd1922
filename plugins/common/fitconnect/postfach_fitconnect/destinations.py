"""Destinations: whether they take submissions, what for, and whom to encrypt for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from postfach_fitconnect.api import Api, Unreadable, path, read, text
from postfach_fitconnect.asking import Left
from postfach_fitconnect.assumed import (
    DESTINATION,
    DESTINATION_KEPT,
    JWKS,
    KEY,
    KEYS_KEPT,
    DestinationStatus,
    Issuer,
    Problem,
)
from postfach_fitconnect.ending import Ended, asked, problem, unsubmitted
from postfach_fitconnect.jwe import Recipient
from postfach_fitconnect.kept import Kept
from postfach_fitconnect.keys import Unfit, encryption_key, signature_key
from postfach_fitconnect.sets import Signer
from postfach_http import Answer
from postfach_http.outcomes import deferred
from postfach_mailbox import Outcome

_DESTINATION_BYTES_MAX = 1024 * 1024  # some list hundreds of services
_UNKNOWN = "there is no such destination"

Meaning = Callable[[Answer], Outcome]


class Fault(StrEnum):
    """Why a destination cannot be used."""

    UNKNOWN = "UNKNOWN"
    GONE = "GONE"
    INACTIVE = "INACTIVE"
    KEY = "KEY"
    SERVICE = "SERVICE"


class Unusable(Exception):
    """A destination takes no submission, or not this one."""

    def __init__(self, fault: Fault, what: str) -> None:
        """Take why; `what` is for a person."""
        super().__init__(what)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a destination says of itself.

    services: for each identifier the URIs of the schemas it takes; None: it does not say
    """

    id: str
    status: DestinationStatus
    kid: str
    services: Mapping[str, frozenset[str]] | None

    def check(self, service: str, schema: str) -> None:
        """Raise Unusable where a submission of this kind would be rejected."""
        self.check_status()
        if self.services is None:
            return
        schemas = self.services.get(service)
        if schemas is None:
            raise Unusable(Fault.SERVICE, "the destination does not offer this service")
        if schema not in schemas:
            raise Unusable(Fault.SERVICE, "the destination does not take data of this schema")

    def check_status(self) -> None:
        """Raise Unusable where no submission is taken."""
        match self.status:
            case DestinationStatus.DECOMMISSIONED:
                raise Unusable(Fault.GONE, "the destination was given up")
            case DestinationStatus.CREATED | DestinationStatus.INACTIVE:
                raise Unusable(Fault.INACTIVE, "the destination is not in use now")


class Destinations:
    """What is known of destinations, and all public keys. Safe for threads.

    Its methods raise Ended, and Failed as `Client.ask`: nothing was submitted by then.
    """

    def __init__(self, api: Api) -> None:
        """Ask nothing yet."""
        self._api = api
        self._destinations: Kept[str, Destination] = Kept(DESTINATION_KEPT)
        self._recipients: Kept[tuple[str, str], Recipient] = Kept(KEYS_KEPT)
        self._keys: Kept[tuple[str, Signer], RSAPublicKey] = Kept(KEYS_KEPT)

    def find(self, destination: str, left: Left) -> Destination:
        """Return a destination, as it was lately. Raises Unusable: there is none."""
        kept = self._destinations.get(destination)
        if kept is not None:
            return kept
        answer = self._api.ask(
            "GET",
            path(DESTINATION, destination=destination),
            left=left,
            most=_DESTINATION_BYTES_MAX,
        )
        match problem(answer):
            case Problem.DESTINATION_UNKNOWN:
                raise Unusable(Fault.UNKNOWN, _UNKNOWN)
            case Problem.DESTINATION_GONE:
                raise Unusable(Fault.GONE, "the destination was given up")
        found = _destination(_good(answer, unsubmitted), destination)
        self._destinations.put(destination, found)
        return found

    def recipient(self, destination: Destination, left: Left) -> Recipient:
        """Return whom to encrypt for. Raises Unusable: it has no fit key."""
        which = (destination.id, destination.kid)
        kept = self._recipients.get(which)
        if kept is not None:
            return kept
        try:
            jwk = self._jwk(*which, left, unsubmitted) or {}
            recipient = Recipient(key=encryption_key(jwk, destination.kid), kid=destination.kid)
        except Unfit as error:
            self.forget(destination.id)  # it may be mended
            raise Unusable(Fault.KEY, str(error)) from error
        self._recipients.put(which, recipient)
        return recipient

    def verifying(self, signer: Signer, destination: str, left: Left) -> RSAPublicKey | None:
        """Return the key of a signer; None: it has none that is fit.

        A key that is not known is asked for each time: there may be a new one.
        """
        which = (destination if signer.issuer is Issuer.DESTINATION else "", signer)
        kept = self._keys.get(which)
        if kept is not None:
            return kept
        if signer.issuer is Issuer.DESTINATION:
            jwk = self._jwk(destination, signer.kid, left, asked)
        else:
            jwk = self._of_service(signer.kid, left)
        try:
            key = signature_key(jwk, signer.kid) if jwk is not None else None
        except Unfit:
            return None
        if key is not None:
            self._keys.put(which, key)
        return key

    def forget(self, destination: str) -> None:
        """Ask anew the next time: what is known seems not to be true any more."""
        self._destinations.drop(destination)

    def _jwk(
        self, destination: str, kid: str, left: Left, meaning: Meaning
    ) -> Mapping[str, Any] | None:
        answer = self._api.ask("GET", path(KEY, destination=destination, kid=kid), left=left)
        if problem(answer) in (Problem.KEY_UNKNOWN, Problem.DESTINATION_UNKNOWN):
            return None
        return _good(answer, meaning)

    def _of_service(self, kid: str, left: Left) -> Mapping[str, Any] | None:
        answer = self._api.open(JWKS, left=left, most=_DESTINATION_BYTES_MAX)
        listed = _good(answer, asked).get("keys")
        found = [each for each in _objects(listed) if each.get("kid") == kid]
        return found[0] if len(found) == 1 else None


def _good(answer: Answer, meaning: Meaning) -> dict[str, Any]:
    """Return the object of an answer that is one; `meaning`: of any other. Raises Ended."""
    if answer.status != 200:
        raise Ended(meaning(answer))
    try:
        return read(answer)
    except Unreadable as error:
        raise Ended(deferred("ANSWER_UNREADABLE", str(error))) from error


def _destination(found: dict[str, Any], wanted: str) -> Destination:
    try:
        return _read(found, wanted)
    except Unreadable as error:
        raise Ended(deferred("DESTINATION_UNREADABLE", str(error))) from error


def _read(found: dict[str, Any], wanted: str) -> Destination:
    if text(found, "destinationId").lower() != wanted:
        raise Unreadable("the answer is of another destination")
    status = text(found, "status").lower()
    if status not in list(DestinationStatus):
        raise Unreadable("the destination's status is not a known one")
    return Destination(
        id=wanted,
        status=DestinationStatus(status),
        kid=text(found, "encryptionKid"),
        services=_services(found.get("services")),
    )


def _services(listed: object) -> Mapping[str, frozenset[str]] | None:
    if not isinstance(listed, list):
        return None
    return {
        str(each.get("identifier")): frozenset(
            str(schema.get("schemaUri")) for schema in _objects(each.get("submissionSchemas"))
        )
        for each in _objects(listed)
    }


def _objects(listed: object) -> list[dict[str, Any]]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
