"""The destination's side: opens what was submitted, checks it, keeps it for a person to look at."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol

from postfach_fitconnect.assumed import DATA_BYTES_MAX, DestinationStatus
from postfach_fitconnect.sandbox.fields import (
    Attachment,
    Metadata,
    NotFit,
    NotJson,
    json_object,
    read,
)
from postfach_fitconnect.sandbox.keyring import Keyring
from postfach_fitconnect.sandbox.records import DATA, METADATA, Record, Records
from postfach_fitconnect.sandbox.refusing import Finding, Found
from postfach_fitconnect.sandbox.sealing import NotOpened, form, opened
from postfach_sandbox.arrivals import Arrivals, Incoming
from postfach_sandbox.faults import Switches

# In two parts, so that no scanner takes this file for one.
EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_ENDINGS: Final = {"application/json": "json", "application/xml": "xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A whole file, as a bridge hands it over."""

    filename: str
    content_type: str
    data: bytes


class Forward(Protocol):
    """What a bridge does with a submission: hands it to the mailbox service behind it.

    Raises an exception with a `code` where that refuses, which becomes a reject; OSError where it
    is away, or its answer was lost: the submission waits, and is handed over again when it is
    looked at the next time. The submission's id tells one that was handed over before.
    """

    def __call__(
        self, envelope: bytes, files: Sequence[Handed], *, submission: str, at: datetime
    ) -> object:
        """Hand over the data and the attachments in their order; `at`: when it was submitted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A destination.

    services: for each identifier the URIs of the schemas it takes; None: it takes all
    check: raises ValueError where data do not follow their schema
    forwards: for each identifier of a service what a bridge does; of others it just keeps
    """

    status: DestinationStatus = DestinationStatus.ACTIVE
    services: Mapping[str, frozenset[str]] | None = None
    check: Callable[[bytes], object] | None = None
    forwards: Mapping[str, Forward] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True, kw_only=True)  # filled piece by piece: what came before a fault is shown too
class _Opened:
    metadata: Metadata | None = None
    findings: list[Finding] = field(default_factory=list)
    attachments: list[dict[str, object]] = field(default_factory=list)


class Receiver:
    """Opens submissions. Safe for threads, one for each submission at a time."""

    def __init__(
        self, records: Records[Record], keyring: Keyring, arrivals: Arrivals, switches: Switches
    ) -> None:
        """Take where they lie, and where they are kept when open."""
        self._records, self._keyring = records, keyring
        self._arrivals, self._switches = arrivals, switches

    def receive(self, record: Record, destination: Destination) -> Record:
        """Open a submission and keep what could be opened; return what is known then."""
        result = _Opened()
        with self._arrivals.begin() as incoming:
            try:
                result.metadata = self._metadata(record, destination, incoming)
                self._data(record, result.metadata, destination, incoming)
                self._attachments(record, result, incoming)
            except Found as found:
                result.findings.append(found.finding)
            arrival = incoming.keep(_facts(record, result), self._switches.now(record.destination))
        return record.model_copy(
            update={
                "arrival": arrival.id,
                "findings": tuple(result.findings),
                "reply_key": _reply_key(result.metadata),
            }
        )

    def handed(self, record: Record) -> tuple[bytes, list[Handed]]:
        """Return data and attachments of one that was received."""
        number = str(record.arrival)
        metadata = read(Metadata, self._arrivals.read(number, "metadata.json"))
        structure = metadata.contentStructure
        name = _data_name(structure.data.submissionSchema.mimeType)
        files = [
            Handed(
                filename=each.filename,
                content_type=each.mimeType,
                data=self._arrivals.read(number, f"file-{place:02d}"),
            )
            for place, each in enumerate(structure.attachments, 1)
        ]
        return self._arrivals.read(number, name), files

    def _metadata(self, record: Record, destination: Destination, incoming: Incoming) -> Metadata:
        clear = self._opened(record, METADATA, "application/json")
        incoming.write("metadata.json", clear)
        try:
            metadata = read(Metadata, clear)
        except NotJson as error:
            raise _found("syntax-violation", str(error), METADATA) from error
        except NotFit as error:
            raise _found("schema-violation", str(error), METADATA) from error
        if metadata.publicServiceType.identifier != record.service:
            text = "publicServiceType: another service than the submission was created for"
            raise _found("unsupported-service", text, METADATA)
        schema = metadata.contentStructure.data.submissionSchema.schemaUri
        services = destination.services
        if services is not None and schema not in services.get(record.service, frozenset()):
            raise _found("unsupported-schema", "schemaUri: is not taken here", METADATA)
        return metadata

    def _data(
        self, record: Record, metadata: Metadata, destination: Destination, incoming: Incoming
    ) -> None:
        about = metadata.contentStructure.data
        kind = about.submissionSchema.mimeType
        clear = self._opened(record, DATA, kind)
        incoming.write(_data_name(kind), clear)
        _check_hash(clear, about.hash.content, DATA)
        if len(clear) > DATA_BYTES_MAX:
            raise _found("schema-violation", f"over {DATA_BYTES_MAX} bytes", DATA)
        if kind == "application/json":
            try:
                json_object(clear)
            except NotJson as error:
                raise _found("syntax-violation", str(error), DATA) from error
        if destination.check is not None:
            try:
                destination.check(clear)
            except ValueError as error:
                raise _found("schema-violation", "does not follow its schema", DATA) from error

    def _attachments(self, record: Record, result: _Opened, incoming: Incoming) -> None:
        listed = result.metadata.contentStructure.attachments if result.metadata else []
        if sorted(each.attachmentId for each in listed) != sorted(record.announced):
            text = "attachments: others in the metadata than were announced"
            raise _found("attachments-mismatch", text, METADATA)
        for place, each in enumerate(listed, 1):
            clear = self._attachment(record, each)
            incoming.write(f"file-{place:02d}", clear)
            result.attachments.append(
                {"filename": each.filename, "type": each.mimeType, "length": len(clear)}
            )

    def _attachment(self, record: Record, attachment: Attachment) -> bytes:
        name = attachment.attachmentId
        clear = self._opened(record, name, attachment.mimeType)
        _check_hash(clear, attachment.hash.content, f"attachment:{name}")
        if EICAR in clear:
            raise _found("malware", "malware", f"attachment:{name}")
        return clear

    def _opened(self, record: Record, name: str, kind: str) -> bytes:
        pair = self._keyring.encryption(record.destination)
        token = self._records.file(record.id, f"{name}.jwe").read_bytes()
        place = name if name in (METADATA, DATA) else f"attachment:{name}"
        said = form(token, pair, place).content_type
        if said not in (None, kind):
            raise _found("encryption-issue", f"cty: {kind} is wanted", place)
        try:
            return opened(token, pair)
        except NotOpened as error:
            raise _found("encryption-issue", str(error), place) from error


def _data_name(kind: str) -> str:
    return f"data.{_ENDINGS[kind]}"


def _check_hash(clear: bytes, wanted: str, place: str) -> None:
    if hashlib.sha512(clear).hexdigest() != wanted:
        raise _found("hash-mismatch", "hash: of other bytes", place)


def _found(slug: str, detail: str, place: str) -> Found:
    return Found(Finding.of(slug, detail, place))


def _reply_key(metadata: Metadata | None) -> dict[str, Any] | None:
    if metadata is None or metadata.replyChannel is None:
        return None
    return metadata.replyChannel.fitConnect.encryptionPublicKey.model_dump()


def _facts(record: Record, result: _Opened) -> dict[str, object]:
    schema = None
    if result.metadata is not None:
        schema = result.metadata.contentStructure.data.submissionSchema.schemaUri
    return {
        "submission": record.id,
        "request": record.request,
        "case": record.case,
        "destination": record.destination,
        "client": record.client,
        "service": record.service,
        "schema": schema,
        "attachments": result.attachments,
        "problems": [each.body for each in result.findings],
    }
