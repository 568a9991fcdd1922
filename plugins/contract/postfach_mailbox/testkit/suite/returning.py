"""What comes back through the mailbox."""

import hashlib

from postfach_mailbox.notice import Collected, Fetched, Item
from postfach_mailbox.outcomes import Deposited, Pending
from postfach_mailbox.testkit.asked import Asked
from postfach_mailbox.testkit.bench import Bench, Replies
from postfach_mailbox.testkit.letters import Letters
from postfach_mailbox.testkit.rules import BRINGS_BACK, rule

__all__ = [
    "test_a_document_of_a_reply_comes_whole_as_often_as_it_is_asked_for",
    "test_a_mailbox_that_is_away_does_not_say_that_nothing_came_back",
    "test_what_came_back_is_offered_until_it_is_acknowledged",
    "test_what_came_back_names_its_notice",
]


def _items(mailbox: Asked) -> tuple[Item, ...]:
    collected = mailbox.collect()
    assert isinstance(collected, Collected), collected
    return collected.items


@rule("collect-names", "gold", BRINGS_BACK, needs=Replies)
def test_what_came_back_names_its_notice(
    mailbox: Asked, far_side: Replies, letter: Letters
) -> None:
    """A reply that belongs to no notice reaches no procedure, and no one learns of it."""
    sent = letter()
    answer = mailbox.deposit(sent)
    assert isinstance(answer, Deposited | Pending), answer
    assert _items(mailbox) == ()
    far_side.reply(sent.key)
    (item,) = _items(mailbox)
    assert item.about in (sent.key, answer.reference)


@rule("fetch-whole", "gold", BRINGS_BACK, needs=Replies)
def test_a_document_of_a_reply_comes_whole_as_often_as_it_is_asked_for(
    mailbox: Asked, far_side: Replies, letter: Letters
) -> None:
    """A hub that dies before its commit asks again; a part of a document is no document."""
    sent = letter()
    mailbox.deposit(sent)
    far_side.reply(sent.key)
    (item,) = _items(mailbox)
    if item.reply is None:
        return
    for _ in range(2):
        for number, facts in enumerate(item.reply.documents):
            answer, data = mailbox.fetch(item.id, number)
            assert isinstance(answer, Fetched), answer
            digest = hashlib.sha256(data).hexdigest()
            assert (answer.size, answer.sha256) == (len(data), digest)
            assert facts.size == len(data)
            assert facts.sha256 in (None, digest)


@rule("collect-until-acknowledged", "gold", BRINGS_BACK, needs=Replies)
def test_what_came_back_is_offered_until_it_is_acknowledged(
    mailbox: Asked, far_side: Replies, letter: Letters
) -> None:
    """A hub that dies after `collect` asks again: an item that is gone by then is lost.

    One that comes again after `acknowledge` is handed to the procedure for ever.
    """
    sent = letter()
    mailbox.deposit(sent)
    far_side.reply(sent.key)
    first, again = _items(mailbox), _items(mailbox)
    assert [each.id for each in first] == [each.id for each in again]
    assert len(first) == 1
    assert mailbox.acknowledge(first[0].id).kind == "acknowledged"
    assert _items(mailbox) == ()


@rule("collect-away", "gold", BRINGS_BACK)
def test_a_mailbox_that_is_away_does_not_say_that_nothing_came_back(
    mailbox: Asked, bench: Bench
) -> None:
    """Nothing came back, and: nobody could ask, are two answers. Raise, and the hub asks again."""
    bench.far_side.down()
    assert mailbox.collect().kind == "failed"
