"""Deposits that succeed: what is stored, and what the answer says."""

from datetime import UTC, datetime, timedelta

from postfach_mailbox.outcomes import Deposited, Pending
from postfach_mailbox.testkit.asked import Asked
from postfach_mailbox.testkit.bench import FarSide, Shows
from postfach_mailbox.testkit.letters import ADDRESS, CANARIES, PDF, Letters
from postfach_mailbox.testkit.rules import CONFIRMS_AT_ONCE, rule

__all__ = [
    "test_a_deposit_carries_time_and_evidence",
    "test_a_notice_is_deposited_once",
    "test_a_notice_is_deposited_through_a_process_of_its_own",
    "test_every_document_arrives_whole_and_in_order",
    "test_evidence_for_receipts_holds_no_payload",
    "test_notices_that_are_alike_are_deposited_each",
]
TOLERANCE = timedelta(minutes=1)  # between the mailbox's clock and this machine's
LARGE = 300_000  # bytes: more than one chunk of ciphertext, and more than a pipe holds


@rule("deposits", "bronze")
def test_a_notice_is_deposited_once(mailbox: Asked, far_side: FarSide, letter: Letters) -> None:
    """The main job: what the plugin calls taken is at the mailbox, once, under the hub's key."""
    sent = letter()
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer
    assert far_side.deposited == [sent.key]


@rule("deposits-in-child", "bronze")
def test_a_notice_is_deposited_through_a_process_of_its_own(
    child: Asked, far_side: FarSide, letter: Letters
) -> None:
    """Production is a child process with a clean environment, not the author's shell."""
    sent = letter(documents=[PDF, b"x" * LARGE])
    answer = child.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer
    assert far_side.deposited == [sent.key]


@rule("deposit-facts", "bronze", CONFIRMS_AT_ONCE)
def test_a_deposit_carries_time_and_evidence(mailbox: Asked, letter: Letters) -> None:
    """The receipt cites time and answer before court: they must be the mailbox's, and of now."""
    before = datetime.now(UTC)
    answer = mailbox.deposit(letter())
    assert isinstance(answer, Deposited), answer
    see_facts(answer, before)


def see_facts(answer: Deposited, before: datetime) -> None:
    """Assert that time and evidence are of a deposit that was made after `before`."""
    assert before - TOLERANCE <= answer.provided_at <= datetime.now(UTC) + TOLERANCE
    assert any(each.data for each in answer.evidence), "all evidence is empty"


@rule("evidence-clean", "silver", CONFIRMS_AT_ONCE)
def test_evidence_for_receipts_holds_no_payload(mailbox: Asked, letter: Letters) -> None:
    """Receipts are read by others: evidence in them must name no subject, text or file."""
    answer = mailbox.deposit(letter())
    assert isinstance(answer, Deposited), answer
    see_clean(answer)


def see_clean(answer: Deposited) -> None:
    """Assert that what a receipt shows of the answer holds nothing of the notice."""
    shown = [answer.reference.encode(), *(each.encode() for each in answer.warnings)]
    shown += [each.data for each in answer.evidence if each.in_receipt]
    assert [word for word in (*CANARIES, *ADDRESS) for each in shown if word.encode() in each] == []


@rule("documents-whole", "silver", needs=Shows)
def test_every_document_arrives_whole_and_in_order(
    mailbox: Asked, far_side: Shows, letter: Letters
) -> None:
    """A document that is cut, empty where it is not, or in another's place is another notice."""
    room = mailbox.capabilities
    wanted = [PDF, bytes(range(256)) * (LARGE // 256), b"1"][: room.max_count]
    sent = letter(documents=[data[: room.max_file] for data in wanted])
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer
    assert far_side.documents(sent.key) == sent.digests


@rule("keys-apart", "silver")
def test_notices_that_are_alike_are_deposited_each(
    mailbox: Asked, far_side: FarSide, letter: Letters
) -> None:
    """Two notices may be alike but for their key: taking one for the other loses a notice."""
    sent = letter()
    again = letter(key=None)
    for each in (sent, again):
        assert isinstance(mailbox.deposit(each), Deposited | Pending)
    assert sorted(far_side.deposited) == sorted([sent.key, again.key])
