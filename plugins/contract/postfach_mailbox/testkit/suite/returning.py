"""What comes back through the mailbox."""

from postfach_mailbox.notice import Collected, Item
from postfach_mailbox.outcomes import Deposited, Pending
from postfach_mailbox.testkit.asked import Asked
from postfach_mailbox.testkit.bench import Bench, Replies
from postfach_mailbox.testkit.letters import Letters
from postfach_mailbox.testkit.rules import BRINGS_BACK, rule

__all__ = [
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
