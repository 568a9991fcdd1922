"""Submissions as the service takes them: created, uploaded to, submitted or withdrawn."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from postfach_fitconnect.assumed import TAGS, DestinationStatus, EventType, Issuer, Problem
from postfach_fitconnect.sandbox.cases import Cases
from postfach_fitconnect.sandbox.deciding import Decider, planned
from postfach_fitconnect.sandbox.fields import Order, Submit
from postfach_fitconnect.sandbox.keyring import Keyring
from postfach_fitconnect.sandbox.receiving import Destination
from postfach_fitconnect.sandbox.records import DATA, METADATA, Record, Records, State
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_fitconnect.sandbox.sealing import form
from postfach_fitconnect.sandbox.telling import Teller
from postfach_sandbox.faults import Fault, Switch, Switches


class Submissions:
    """The API's part of a submission. Safe for threads.

    accept_after: seconds until destinations accept; None: not until someone says so
    """

    def __init__(
        self,
        *,
        records: Records[Record],
        destinations: Mapping[str, Destination],
        keyring: Keyring,
        teller: Teller,
        decider: Decider,
        switches: Switches,
        accept_after: float | None,
    ) -> None:
        """Take where they are kept, and who decides on them."""
        self._records, self._destinations, self._keyring = records, destinations, keyring
        self._cases = Cases(records)
        self._teller, self._decider, self._switches = teller, decider, switches
        self.accept_after = accept_after

    def create(
        self, client: str, order: Order, switch: Switch, request: str | None = None
    ) -> Record:
        """Create a submission. Raises Refusal."""
        destination = self._destinations.get(order.destinationId)
        if destination is None:
            raise Refusal(Problem.DESTINATION_UNKNOWN, "destinationId: there is none")
        gone = destination.status is DestinationStatus.DECOMMISSIONED or switch.do == Fault.CLOSED
        if gone:
            raise Refusal(Problem.DESTINATION_GONE, "destinationId: was given up")
        if destination.status is not DestinationStatus.ACTIVE:
            raise Refusal(Problem.DESTINATION_INACTIVE, "destinationId: is not in use now")
        service = order.publicService.identifier
        if destination.services is not None and service not in destination.services:
            raise Refusal(Problem.SERVICE_UNKNOWN, "publicService: is not offered there")
        if order.caseId is not None:
            self._cases.check(client, order.caseId, order.destinationId)
        record = Record(
            id=str(uuid4()),
            case=order.caseId or str(uuid4()),
            destination=order.destinationId,
            client=client,
            service=service,
            request=request,
            announced=tuple(order.announcedAttachments),
            created=self._now(order.destinationId),
        )
        token = self._teller.tell(record, EventType.CREATE, Issuer.SERVICE, {})
        return self._records.put(record.model_copy(update={"events": (token,)}))

    def of(self, client: str, id_: str) -> Record:
        """Return a client's submission. Raises Refusal."""
        record = self._records.get(id_)
        if record is None:
            raise Refusal(Problem.SUBMISSION_UNKNOWN, "there is no such submission")
        if record.client != client:
            raise Refusal(Problem.FORBIDDEN, "the submission is another client's")
        return record

    def admit(self, client: str, id_: str, attachment: str) -> None:
        """Check that an attachment may be uploaded. Raises Refusal."""
        record = self._open(client, id_)
        if attachment not in record.announced:
            raise Refusal(Problem.ATTACHMENT_UNANNOUNCED, "the attachment was not announced")

    def uploaded(self, client: str, id_: str, attachment: str, path: Path) -> None:
        """Take over the file of an attachment; again: instead of the first. Raises Refusal.

        path: on the same file system as the folder of submissions
        """
        with self._records.locked(id_):
            self.admit(client, id_, attachment)
            record = self.of(client, id_)
            pair = self._keyring.encryption(record.destination)
            form(path.read_bytes(), pair, "the attachment")
            path.replace(self._records.file(id_, f"{attachment}.jwe"))

    def submit(self, client: str, id_: str, body: Submit, switch: Switch) -> Record:
        """Submit, and let the destination do what is due at once. Raises Refusal."""
        with self._records.locked(id_):
            record = self._open(client, id_)
            missing = [
                each
                for each in record.announced
                if not self._records.file(id_, f"{each}.jwe").exists()
            ]
            if missing:
                text = f"{len(missing)} of {len(record.announced)} announced ones did not come"
                raise Refusal(Problem.ATTACHMENT_MISSING, text)
            tags = self._store(record, body)
            now = self._now(record.destination)
            record = record.model_copy(
                update={
                    "state": State.SUBMITTED,
                    "submitted": now,
                    "tags": tags,
                    "plan": planned(switch, now, self.accept_after),
                }
            )
            value = {TAGS: tags}
            token = self._teller.tell(record, EventType.SUBMIT, Issuer.SERVICE, value)
            events = (*record.events, token)
            self._records.put(record.model_copy(update={"events": events}))
            return self._decider.settle(id_)

    def withdraw(self, client: str, id_: str) -> None:
        """Delete a submission that was not submitted. Raises Refusal."""
        with self._records.locked(id_):
            record = self._open(client, id_)
            token = self._teller.tell(record, EventType.DELETE, Issuer.SERVICE, {})
            update = {"state": State.DELETED, "events": (*record.events, token)}
            self._records.put(record.model_copy(update=update))

    def events(self, client: str, id_: str) -> tuple[str, ...]:
        """Return the event log, after what is due was done. Raises Refusal."""
        self.of(client, id_)
        return self._decider.settle(id_).events

    def _open(self, client: str, id_: str) -> Record:
        record = self.of(client, id_)
        if record.state is State.DELETED:
            raise Refusal(Problem.SUBMISSION_UNKNOWN, "the submission was withdrawn")
        if record.state is not State.CREATED:
            raise Refusal(Problem.SUBMISSION_SUBMITTED, "the submission was submitted")
        return record

    def _store(self, record: Record, body: Submit) -> dict[str, Any]:
        """Keep both JWEs and return the authentication tags of all."""
        pair = self._keyring.encryption(record.destination)
        parts = {METADATA: body.encryptedMetadata, DATA: body.encryptedData}
        tags: dict[str, Any] = {
            name: form(token.encode(), pair, name).tag for name, token in parts.items()
        }
        for name, token in parts.items():
            self._records.file(record.id, f"{name}.jwe").write_text(token, "ascii")
        tags["attachments"] = {
            each: _tag(self._records.file(record.id, f"{each}.jwe")) for each in record.announced
        }
        return tags

    def _now(self, destination: str) -> float:
        return self._switches.now(destination).timestamp()


def _tag(path: Path) -> str:
    """Return the last part of a JWE: 22 characters, RFC 7518, 5.3."""
    with path.open("rb") as file:
        file.seek(-22, os.SEEK_END)
        return file.read().decode("ascii")
