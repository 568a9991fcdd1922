"""What a log means: no order of events says more than is proven."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_fitconnect.assumed import EventType, Issuer
from postfach_fitconnect.judging import evidence, judge
from postfach_fitconnect.log import Log, Refused
from postfach_fitconnect.parcel import Reference
from postfach_fitconnect.sets import Event, Why
from postfach_fitconnect.testkit import DESTINATION
from postfach_mailbox import Absent, Deposited, Pending, Reconciled
from postfach_mailbox.outcomes import Refused as RefusedOutcome

REFERENCE = Reference(submission=DESTINATION, destination=DESTINATION, case=DESTINATION)


def event(kind: EventType) -> Event:
    return Event(
        type=kind,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        id="x",
        issuer=Issuer.SERVICE,
        problems=(),
        token="t",
    )


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(EventType), max_size=20),
    st.lists(st.sampled_from(Why), max_size=5),
)
def test_no_order_of_events_says_more_than_is_proven(
    kinds: list[EventType], whys: list[Why]
) -> None:
    refused = tuple(Refused(why=each, token="t") for each in whys)
    log = Log(events=tuple(event(each) for each in kinds), refused=refused)
    found: Reconciled | None = judge(log, REFERENCE)
    said = set(kinds)
    sent = said & {EventType.SUBMIT, EventType.NOTIFY, EventType.FORWARD}
    accepted, rejected = EventType.ACCEPT in said, EventType.REJECT in said
    assert isinstance(found, Deposited) == (accepted and not rejected)
    assert isinstance(found, RefusedOutcome) == (rejected and not accepted)
    if isinstance(found, Absent):
        assert EventType.DELETE in said
        assert not sent
        assert not whys
    if found is None:
        assert not said - {EventType.CREATE}
        assert not whys
    if isinstance(found, Pending):
        assert sent
        assert EventType.DELETE not in said


def test_a_long_log_fits_into_what_the_contract_takes() -> None:
    log = Log(events=(event(EventType.NOTIFY),) * 60, refused=())
    assert len(evidence(log)) == 16
    last = event(EventType.ACCEPT)
    found = judge(Log(events=(*log.events, last), refused=()), REFERENCE)
    assert isinstance(found, Deposited)
    assert found.evidence[0].name == "01-accept-submission.jwt"
