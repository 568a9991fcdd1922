"""Lost answers, repeated keys, deadlines, threads: where notices get lost or doubled."""

import os
import time
from functools import partial
from pathlib import Path

from postfach_mailbox.hooks import KeepFailed
from postfach_mailbox.outcomes import Absent, Deferred, Deposited, Pending, Unknown
from postfach_mailbox.testkit.asked import Asked, InProcess, at_once, now, start_frame
from postfach_mailbox.testkit.bench import Bench, FarSide, Kit, LosesAnswers, Slow
from postfach_mailbox.testkit.letters import Letters
from postfach_mailbox.testkit.rules import IDEMPOTENT, QUERYABLE, rule

__all__ = [
    "test_a_key_is_one_deposit_also_from_a_new_process",
    "test_a_key_keeps_its_first_answer_after_the_account_was_closed",
    "test_a_key_that_was_never_sent_is_absent",
    "test_a_lost_answer_is_found_by_asking",
    "test_a_lost_answer_is_mended_by_sending_again",
    "test_a_lost_answer_is_unknown",
    "test_a_mailbox_that_is_away_never_says_absent",
    "test_a_slow_answer_within_the_deadline_is_a_deposit",
    "test_no_descriptor_stays_open",
    "test_nothing_is_sent_after_the_deadline",
    "test_nothing_is_sent_where_the_reference_was_not_kept",
    "test_the_same_key_at_once_is_one_deposit",
    "test_the_same_key_twice_is_one_deposit_and_the_first_answer",
    "test_threads_deposit_side_by_side",
]
AT_ONCE = 8
SLOW = 0.3  # seconds of an answer that is merely slow
TOO_SLOW, SHORT = 3.0, 1.0  # seconds: an answer that comes after its call's end
OVERTIME = 1.0  # seconds past its end that a call may take to return


@rule("lost-answer", "silver", needs=LosesAnswers)
def test_a_lost_answer_is_unknown(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """Deferred would deposit it twice, Refused would post what is delivered.

    A plugin that sent it again by itself, under a key that the mailbox knows, may say Deposited.
    """
    assert isinstance(far_side, LosesAnswers)
    sent = letter()
    far_side.lose_next_answer()
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Unknown | Deposited), answer
    assert far_side.deposited == [sent.key]


@rule("lost-answer-resent", "silver", IDEMPOTENT, needs=LosesAnswers)
def test_a_lost_answer_is_mended_by_sending_again(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """IDEMPOTENT means that the hub sends again in doubt; the citizen must not get two letters."""
    assert isinstance(far_side, LosesAnswers)
    sent = letter()
    far_side.lose_next_answer()
    mailbox.deposit(sent)
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer
    assert far_side.deposited == [sent.key]


@rule("lost-answer-asked", "silver", QUERYABLE, needs=LosesAnswers)
def test_a_lost_answer_is_found_by_asking(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """QUERYABLE means that the hub asks in doubt; Absent here would deposit it twice."""
    assert isinstance(far_side, LosesAnswers)
    sent = letter()
    far_side.lose_next_answer()
    assert isinstance(mailbox.deposit(sent), Unknown)
    reference = mailbox.kept[-1] if mailbox.kept else None
    answer = mailbox.reconcile(sent.key, reference)
    assert isinstance(answer, Deposited | Pending), answer


@rule("absent", "silver", QUERYABLE)
def test_a_key_that_was_never_sent_is_absent(mailbox: Asked, letter: Letters) -> None:
    """Without Absent, a notice that never arrived waits for its deadline and then for a person."""
    assert isinstance(mailbox.reconcile(letter().key), Absent)


@rule("absent-away", "silver", QUERYABLE)
def test_a_mailbox_that_is_away_never_says_absent(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """Not being able to ask is no answer: Absent would let the hub deposit again."""
    sent = letter()
    mailbox.deposit(sent)
    far_side.down()
    answer = mailbox.reconcile(sent.key, mailbox.kept[-1] if mailbox.kept else None)
    assert answer.kind in ("deferred", "unknown", "held"), answer


@rule("same-key", "silver", IDEMPOTENT)
def test_the_same_key_twice_is_one_deposit_and_the_first_answer(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """A receipt may stand on the second answer: it must name the deposit that there is."""
    sent = letter()
    first, second = mailbox.deposit(sent), mailbox.deposit(sent)
    assert isinstance(first, Deposited | Pending), first
    assert first.kind == second.kind
    assert getattr(first, "reference", 1) == getattr(second, "reference", 2)
    assert getattr(first, "provided_at", None) == getattr(second, "provided_at", None)
    assert far_side.deposited == [sent.key]


@rule("same-key-at-once", "silver", IDEMPOTENT)
def test_the_same_key_at_once_is_one_deposit(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """A call past its deadline may still be under way when the hub sends again."""
    sent = letter()
    answers = at_once(*[partial(mailbox.deposit, sent)] * 4)
    assert any(isinstance(each, Deposited | Pending) for each in answers), answers
    assert far_side.deposited == [sent.key]


@rule("same-key-restarted", "silver", IDEMPOTENT)
def test_a_key_is_one_deposit_also_from_a_new_process(
    mailbox: Asked, kit: Kit, bench: Bench, letter: Letters
) -> None:
    """The hub sends again after its process died: what the plugin remembers is gone then."""
    sent = letter()
    first = mailbox.deposit(sent)
    second = Asked(InProcess(start_frame(kit, bench))).deposit(sent)
    assert isinstance(second, Deposited | Pending), second
    assert second.reference == getattr(first, "reference", None)
    assert bench.far_side.deposited == [sent.key]


@rule("same-key-closed", "silver", IDEMPOTENT)
def test_a_key_keeps_its_first_answer_after_the_account_was_closed(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """Refused for what is deposited would send the same notice by post."""
    sent = letter()
    assert isinstance(mailbox.deposit(sent), Deposited | Pending)
    far_side.deleted(far_side.account)
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer


@rule("slow-answer", "silver", needs=Slow)
def test_a_slow_answer_within_the_deadline_is_a_deposit(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """A time-out of the plugin's own, shorter than the call's, makes doubt where there is none."""
    assert isinstance(far_side, Slow)
    sent = letter()
    far_side.slow(SLOW)
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer
    assert far_side.deposited == [sent.key]


@rule("deadline", "silver", needs=Slow)
def test_nothing_is_sent_after_the_deadline(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """A call that outlives its end gets the process killed, and all its other calls with it.

    What it answers must be true: Deferred only where nothing is stored, even later.
    """
    assert isinstance(far_side, Slow)
    sent = letter()
    mailbox.deposit(letter())  # so that what is kept open has had another call's time-out
    far_side.slow(TOO_SLOW)
    begun = now()
    answer = mailbox.deposit(sent, seconds=SHORT)
    assert now() - begun < SHORT + OVERTIME, "it returned too late"
    assert isinstance(answer, Unknown | Deferred), answer
    if isinstance(answer, Deferred):
        while now() < begun + TOO_SLOW + OVERTIME:
            assert sent.key not in far_side.deposited, "stored, though it was said that it is not"
            time.sleep(0.05)


@rule("threads", "silver")
def test_threads_deposit_side_by_side(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """Calls come in many threads: state that they share mixes notices, a lock makes them wait."""
    sent = [letter() for _ in range(AT_ONCE)]
    slow = isinstance(far_side, Slow)
    if isinstance(far_side, Slow):
        far_side.slow(SLOW)
    begun = now()
    answers = at_once(*[partial(mailbox.deposit, each) for each in sent])
    took = now() - begun
    assert [each.kind for each in answers if not isinstance(each, Deposited | Pending)] == []
    assert sorted(far_side.deposited) == sorted(each.key for each in sent)
    assert not slow or took < AT_ONCE * SLOW * 0.75, "one after the other"


@rule("descriptors", "silver")
def test_no_descriptor_stays_open(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """A descriptor lost at each notice stops the process after a thousand."""

    def some() -> None:
        mailbox.deposit(letter())
        mailbox.deposit(letter(to=far_side.unknown_id))

    some()
    before = _open()
    for _ in range(10):
        some()
    assert _open() <= before + 3, "descriptors stay open"


def _open() -> int:
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


@rule("keeps-first", "gold")
def test_nothing_is_sent_where_the_reference_was_not_kept(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """An upload whose id the hub could not commit can never be asked for again.

    Holds for each mailbox that never calls `keep`.
    """
    called = []

    def keep(reference: str) -> None:
        called.append(reference)
        raise KeepFailed("the hub did not commit the reference")

    answer = mailbox.deposit(letter(), keep=keep)
    if called:
        assert not isinstance(answer, Deposited | Pending), answer
        assert far_side.deposited == []
