"""Deposits that do not succeed, and surely stored nothing."""

import re
import time

from postfach_mailbox.frames import AnswerValue
from postfach_mailbox.outcomes import Deferred, Deposited, Held, Pending, Refused
from postfach_mailbox.testkit.asked import Asked, now
from postfach_mailbox.testkit.bench import Busy, FarSide, Strict
from postfach_mailbox.testkit.letters import ADDRESS, CANARIES, Letter, Letters
from postfach_mailbox.testkit.rules import HAS_ACCOUNTS, TELLS_ACCOUNTS, rule

__all__ = [
    "test_a_busy_mailbox_is_left_alone_as_long_as_it_wishes",
    "test_a_deleted_account_is_refused",
    "test_a_mailbox_that_is_away_defers",
    "test_a_mailbox_that_is_back_takes_the_notice",
    "test_a_mailbox_that_went_away_after_use_defers",
    "test_account_never_guesses_while_the_mailbox_is_away",
    "test_account_tells_active_unknown_and_deleted",
    "test_an_unknown_account_is_refused",
    "test_reasons_hold_no_payload_and_no_name",
    "test_wrong_credentials_hold_the_mailbox",
]
PATIENCE = 120.0  # seconds that a busy mailbox asks for
SETTLES = 5.0  # seconds in which a mailbox that confirms later refuses what it never takes


def _ended(mailbox: Asked, sent: Letter) -> AnswerValue:
    """Return how a deposit ends: where it is taken first, the mailbox is asked for a while."""
    answer, end = mailbox.deposit(sent), now() + SETTLES
    while isinstance(answer, Pending) and now() < end:
        time.sleep(0.05)
        answer = mailbox.reconcile(sent.key, answer.reference)
    return answer


@rule("recipient-unknown", "bronze", HAS_ACCOUNTS)
def test_an_unknown_account_is_refused(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """Only RECIPIENT_UNKNOWN lets the post follow at once; anything else waits for days.

    A mailbox that confirms later may say so when it is asked.
    """
    answer = _ended(mailbox, letter(to=far_side.unknown_id))
    assert isinstance(answer, Refused), answer
    assert answer.reason.code == "RECIPIENT_UNKNOWN"
    assert far_side.deposited == []


@rule("recipient-deleted", "bronze", HAS_ACCOUNTS)
def test_a_deleted_account_is_refused(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """A closed account takes nothing any more: the notice must go by post, not into it."""
    far_side.deleted(far_side.account)
    answer = _ended(mailbox, letter())
    assert isinstance(answer, Refused), answer
    assert answer.reason.code == "RECIPIENT_DELETED"
    assert far_side.deposited == []


@rule("away-defers", "bronze")
def test_a_mailbox_that_is_away_defers(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """Nothing was handed over: Unknown would ask a person, Refused would send it by post."""
    far_side.down()
    answer = mailbox.deposit(letter())
    assert isinstance(answer, Deferred), answer
    far_side.up()
    assert far_side.deposited == []


@rule("away-after-use", "silver")
def test_a_mailbox_that_went_away_after_use_defers(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """A restart of the far side breaks what is kept open: found before the next notice is sent.

    Else each kept connection costs a notice that is in doubt, and a person's time.
    """
    before = letter()
    mailbox.deposit(before)
    far_side.down()
    answer = mailbox.deposit(letter())
    assert isinstance(answer, Deferred), answer
    far_side.up()
    assert far_side.deposited == [before.key]


@rule("comes-back", "bronze")
def test_a_mailbox_that_is_back_takes_the_notice(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """The process lives for months: what it keeps open must not outlive an outage."""
    sent, before = letter(), letter()
    assert isinstance(mailbox.deposit(before), Deposited | Pending)
    far_side.down()
    mailbox.deposit(sent)
    far_side.up()
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer
    assert far_side.deposited == [before.key, sent.key]


@rule("reasons-clean", "silver")
def test_reasons_hold_no_payload_and_no_name(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """Reasons stand in logs and receipts: no subject, no file name, no recipient."""
    answers = [_ended(mailbox, letter(to=far_side.unknown_id))]
    far_side.down()
    answers.append(mailbox.deposit(letter()))
    far_side.up()
    far_side.deleted(far_side.account)
    answers.append(_ended(mailbox, letter()))
    names = [*CANARIES, *map(re.escape, (far_side.account, far_side.unknown_id, *ADDRESS))]
    told = [_told(each) for each in answers]
    assert [text for text in told for name in names if re.search(rf"\b{name}\b", text)] == []


def _told(answer: AnswerValue) -> str:
    reason = getattr(answer, "reason", None)
    return "" if reason is None else f"{reason.text} {reason.mailbox_code or ''}"


@rule("retry-after", "gold", needs=Busy)
def test_a_busy_mailbox_is_left_alone_as_long_as_it_wishes(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """429 with Retry-After is a wish: the hub keeps it only where the plugin passes it on."""
    assert isinstance(far_side, Busy)
    far_side.busy(PATIENCE)
    answer = mailbox.deposit(letter())
    assert isinstance(answer, Deferred), answer
    assert answer.not_before is not None, "the mailbox's wish was not passed on"
    assert answer.not_before.total_seconds() >= PATIENCE - 1
    assert far_side.deposited == []


@rule("credentials", "gold", needs=Strict)
def test_wrong_credentials_hold_the_mailbox(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """Our own fault holds all notices until it is mended; no citizen's notice fails for it.

    And health says so, or the hub would go on.
    """
    assert isinstance(far_side, Strict)
    far_side.wrong_credentials()
    answer = mailbox.deposit(letter())
    assert isinstance(answer, Held), answer
    assert far_side.deposited == []
    health = mailbox.health()
    assert health.kind == "health"
    assert health.status == "down"


@rule("account", "gold", TELLS_ACCOUNTS)
def test_account_tells_active_unknown_and_deleted(mailbox: Asked, far_side: FarSide) -> None:
    """Procedures ask before they write: a wrong `active` costs days, a wrong `unknown` a letter."""
    said = [mailbox.account(name) for name in (far_side.account, far_side.unknown_id)]
    far_side.deleted(far_side.account)
    said.append(mailbox.account(far_side.account))
    assert [getattr(each, "status", each.kind) for each in said] == ["active", "unknown", "deleted"]


@rule("account-away", "gold", TELLS_ACCOUNTS)
def test_account_never_guesses_while_the_mailbox_is_away(mailbox: Asked, far_side: FarSide) -> None:
    """Not being able to ask is no answer: raise, and the hub says that it does not know."""
    far_side.down()
    assert mailbox.account(far_side.account).kind == "failed"
