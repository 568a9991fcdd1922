"""What only some mailboxes promise: preparing, confirming later, the state of an application."""

from datetime import UTC, datetime

from postfach_mailbox.notice import StatusUpdate
from postfach_mailbox.outcomes import Deferred, Deposited, Pending, Refused, Unknown
from postfach_mailbox.testkit.asked import Asked, InProcess, start_frame
from postfach_mailbox.testkit.bench import (
    Bench,
    Confirms,
    FarSide,
    Kit,
    ShowsStatus,
    ShowsStatusAndLosesAnswers,
)
from postfach_mailbox.testkit.letters import Letters
from postfach_mailbox.testkit.rules import CONFIRMS_LATER, PREPARES, QUERYABLE, SHOWS_STATUS, rule
from postfach_mailbox.testkit.suite.depositing import see_clean, see_facts

__all__ = [
    "test_a_confirmation_carries_time_and_evidence",
    "test_a_confirmed_deposit_is_found_by_asking",
    "test_a_deposit_is_pending_until_it_is_confirmed",
    "test_a_notice_that_is_turned_down_later_is_refused",
    "test_a_status_arrives",
    "test_a_status_for_a_mailbox_that_is_away_is_deferred",
    "test_a_status_whose_answer_is_lost_is_found_by_asking",
    "test_a_status_whose_answer_is_lost_is_unknown",
    "test_evidence_of_a_confirmation_holds_no_payload",
    "test_prepare_needs_no_network",
    "test_prepared_bytes_are_deposited_by_a_later_process",
]


@rule("prepare-offline", "silver", PREPARES)
def test_prepare_needs_no_network(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """Notices are prepared before the first attempt, whether the mailbox is there or not."""
    far_side.down()
    answer = mailbox.prepare(letter())
    assert answer.kind == "prepared", answer


@rule("prepared-later", "silver", PREPARES)
def test_prepared_bytes_are_deposited_by_a_later_process(
    mailbox: Asked, kit: Kit, bench: Bench, letter: Letters
) -> None:
    """Prepared bytes outlive restarts and upgrades: nothing of them may live in memory."""
    sent = letter()
    prepared = mailbox.prepared(sent)
    later = Asked(InProcess(start_frame(kit, bench)))
    answer = later.deposit(sent, prepared=prepared)
    assert isinstance(answer, Deposited | Pending), answer
    assert bench.far_side.deposited == [sent.key]


@rule("pending", "silver", CONFIRMS_LATER)
def test_a_deposit_is_pending_until_it_is_confirmed(mailbox: Asked, letter: Letters) -> None:
    """Deposited starts terms at law: it must not be said before the mailbox has said it.

    Absent would deposit a second time.
    """
    sent = letter()
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Pending), answer
    asked = mailbox.reconcile(sent.key, answer.reference)
    assert isinstance(asked, Pending), asked


@rule("pending-confirmed", "silver", CONFIRMS_LATER, needs=Confirms)
def test_a_confirmed_deposit_is_found_by_asking(
    mailbox: Asked, far_side: Confirms, letter: Letters
) -> None:
    """A confirmation that no one notices ends in `unresolved`, and a person searches."""
    _confirmed(mailbox, far_side, letter)


@rule("confirmed-facts", "silver", CONFIRMS_LATER, needs=Confirms)
def test_a_confirmation_carries_time_and_evidence(
    mailbox: Asked, far_side: Confirms, letter: Letters
) -> None:
    """The receipt cites time and answer before court: they must be the mailbox's, and of now."""
    before = datetime.now(UTC)
    see_facts(_confirmed(mailbox, far_side, letter), before)


@rule("confirmed-clean", "silver", CONFIRMS_LATER, needs=Confirms)
def test_evidence_of_a_confirmation_holds_no_payload(
    mailbox: Asked, far_side: Confirms, letter: Letters
) -> None:
    """Receipts are read by others: evidence in them must name no subject, text or file."""
    see_clean(_confirmed(mailbox, far_side, letter))


def _confirmed(mailbox: Asked, far_side: Confirms, letter: Letters) -> Deposited:
    sent = letter()
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Pending), answer
    far_side.confirm(sent.key)
    asked = mailbox.reconcile(sent.key, answer.reference)
    assert isinstance(asked, Deposited), asked
    return asked


@rule("pending-refused", "silver", CONFIRMS_LATER, needs=Confirms)
def test_a_notice_that_is_turned_down_later_is_refused(
    mailbox: Asked, far_side: Confirms, letter: Letters
) -> None:
    """What the mailbox turns down goes by post: any other answer leaves the citizen without it."""
    sent = letter()
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Pending), answer
    far_side.turn_down(sent.key)
    asked = mailbox.reconcile(sent.key, answer.reference)
    assert isinstance(asked, Refused), asked


@rule("status", "gold", SHOWS_STATUS, needs=ShowsStatus)
def test_a_status_arrives(mailbox: Asked, far_side: ShowsStatus, letter: Letters) -> None:
    """The citizen sees where the application stands; a wrong state sends people to the office."""
    answer = mailbox.set_status(_update(far_side.application, letter))
    assert isinstance(answer, Deposited), answer
    assert far_side.statuses == ["PROCESSING"]


@rule("status-away", "gold", SHOWS_STATUS, needs=ShowsStatus)
def test_a_status_for_a_mailbox_that_is_away_is_deferred(
    mailbox: Asked, bench: Bench, far_side: ShowsStatus, letter: Letters
) -> None:
    """As a notice, a status that surely did not arrive is sent again, and one in doubt is not."""
    update = _update(far_side.application, letter)
    bench.far_side.down()
    answer = mailbox.set_status(update)
    assert isinstance(answer, Deferred), answer


@rule("status-lost", "gold", SHOWS_STATUS, needs=ShowsStatusAndLosesAnswers)
def test_a_status_whose_answer_is_lost_is_unknown(
    mailbox: Asked, far_side: ShowsStatusAndLosesAnswers, letter: Letters
) -> None:
    """Deferred would show it again, after a later one perhaps; Refused would say it is not shown.

    A plugin that sent it again by itself, under a key that the mailbox knows, may say Deposited.
    """
    far_side.lose_next_answer()
    answer = mailbox.set_status(_update(far_side.application, letter))
    assert isinstance(answer, Unknown | Deposited), answer
    assert far_side.statuses == ["PROCESSING"]


@rule("status-lost-asked", "gold", SHOWS_STATUS, QUERYABLE, needs=ShowsStatusAndLosesAnswers)
def test_a_status_whose_answer_is_lost_is_found_by_asking(
    mailbox: Asked, far_side: ShowsStatusAndLosesAnswers, letter: Letters
) -> None:
    """QUERYABLE means that the hub asks in doubt; Absent here would show it a second time."""
    update = _update(far_side.application, letter)
    far_side.lose_next_answer()
    assert isinstance(mailbox.set_status(update), Unknown)
    answer = mailbox.reconcile(update.key, mailbox.kept[-1] if mailbox.kept else None)
    assert isinstance(answer, Deposited | Pending), answer


def _update(application: str, letter: Letters) -> StatusUpdate:
    made = letter()
    return StatusUpdate(
        key=made.key,
        message_id=made.notice.message_id,
        application_id=application,
        mailbox=made.notice.mailbox,
        author=made.notice.author,
        service=made.notice.service,
        status="PROCESSING",
        created_at=made.notice.created_at,
    )
