"""What a destination says of a submission: accept or reject, at once, late, or by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from postfach_fitconnect.assumed import PROBLEMS, TAGS, EventType, Issuer
from postfach_fitconnect.sandbox.receiving import Destination, Receiver
from postfach_fitconnect.sandbox.records import Plan, Record, Records, State
from postfach_fitconnect.sandbox.refusing import Finding
from postfach_fitconnect.sandbox.switching import ACCEPT_LATE, BY_HAND, REJECT, REJECTS, Spoil
from postfach_fitconnect.sandbox.telling import Teller
from postfach_sandbox.faults import Switch, Switches

NOT_FETCHED: Final = "not-fetched"  # what the service itself rejects, on day 14
_UNNAMED: Final = "technical-error"  # of the switch `reject`


def planned(switch: Switch, now: float, after: float | None) -> Plan:
    """Return what is going to be said of something that is submitted now.

    after: seconds until it is accepted where the switch says nothing else; None: by hand
    """
    if switch.do in REJECTS:
        slug = switch.do.removeprefix(REJECT).removeprefix("-")
        return Plan(due=now, problem=slug or _UNNAMED)
    if switch.do == BY_HAND:
        return Plan(due=None)
    if switch.do == ACCEPT_LATE:
        return Plan(due=now + switch.value)
    spoil = Spoil(switch.do) if switch.do in list(Spoil) else None
    return Plan(due=None if after is None else now + after, spoil=spoil)


class Decider:
    """Speaks for destinations. Safe for threads."""

    def __init__(
        self,
        records: Records[Record],
        destinations: Mapping[str, Destination],
        receiver: Receiver,
        teller: Teller,
        switches: Switches,
    ) -> None:
        """Take what is decided on, and by what."""
        self._records, self._destinations = records, destinations
        self._receiver, self._teller, self._switches = receiver, teller, switches

    def settle(self, id_: str) -> Record:
        """Do what is due for a submission, and return it as it is then. Raises KeyError."""
        with self._records.locked(id_):
            record = self._submitted(id_)
            if record.state is not State.SUBMITTED or record.plan.due is None:
                return record
            if self._switches.now(record.destination).timestamp() < record.plan.due:
                return record
            if record.plan.problem is not None:
                text = "a switch of the sandbox says so"
                finding = Finding.of(record.plan.problem, text)
                return self._reject(record, (finding,), record.plan.spoil)
            return self._decide(record)

    def accept(self, id_: str) -> Record:
        """Accept a submission now. Raises KeyError; ValueError: it is not to be accepted.

        One whose token was spoilt gets a right one beside it.
        """
        with self._records.locked(id_):
            record = self._submitted(id_)
            again = record.state is State.ACCEPTED and record.plan.spoil is not None
            if record.state is not State.SUBMITTED and not again:
                raise ValueError(f"submission: is {record.state}")
            if record.findings:
                raise ValueError("submission: is not right, and can only be rejected")
            plan = record.plan.model_copy(update={"spoil": None})
            record = record.model_copy(update={"plan": plan})
            return self._accept(record) if again else self._decide(record)

    def reject(self, id_: str, slug: str) -> Record:
        """Reject a submission now. Raises KeyError; ValueError: it is decided on."""
        finding = Finding.of(slug, "someone at the sandbox says so")
        with self._records.locked(id_):
            record = self._submitted(id_)
            if record.state is not State.SUBMITTED:
                raise ValueError(f"submission: is {record.state}")
            return self._reject(record, (finding,), None)

    def _submitted(self, id_: str) -> Record:
        """Return a submission; one that was submitted and not opened is opened first."""
        record = self._records.get(id_)
        if record is None:
            raise KeyError(id_)
        if record.state is State.SUBMITTED and record.arrival is None:
            destination = self._destinations[record.destination]
            record = self._records.put(self._receiver.receive(record, destination))
        return record

    def _decide(self, record: Record) -> Record:
        if record.findings:
            return self._reject(record, record.findings, record.plan.spoil)
        forward = self._destinations[record.destination].forwards.get(record.service)
        if forward is None:
            return self._accept(record)
        data, files = self._receiver.handed(record)
        try:
            at = datetime.fromtimestamp(record.submitted or 0, UTC)
            forward(data, files, submission=record.id, at=at)
        except OSError:
            return record  # it is away: handed over when it is looked at the next time
        except Exception as error:  # of the mailbox service's own kind, which is not known here
            code = getattr(error, "code", None)
            if not isinstance(code, str):
                raise
            return self._reject(record, (Finding.of_mailbox(code),), record.plan.spoil)
        return self._accept(record)

    def _accept(self, record: Record) -> Record:
        value = {TAGS: record.tags}
        token = self._teller.tell(
            record, EventType.ACCEPT, Issuer.DESTINATION, value, record.plan.spoil
        )
        return self._close(record, State.ACCEPTED, token)

    def _reject(self, record: Record, findings: tuple[Finding, ...], spoil: Spoil | None) -> Record:
        record = record.model_copy(update={"findings": findings})
        value = {PROBLEMS: [each.body for each in findings]}
        unfetched = any(each.type.endswith(f"/{NOT_FETCHED}") for each in findings)
        by = Issuer.SERVICE if unfetched else Issuer.DESTINATION
        token = self._teller.tell(record, EventType.REJECT, by, value, spoil)
        return self._close(record, State.REJECTED, token)

    def _close(self, record: Record, state: State, token: str) -> Record:
        update = {"state": state, "events": (*record.events, token)}
        return self._records.put(record.model_copy(update=update))
