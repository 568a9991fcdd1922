"""Post jobs in the journal: one for a notice that failed, with what it needs, and no other."""

import pytest
import sqlalchemy as sa

from hub.journal import Journal, attempts, payloads, posting, returning, steps
from hub.journal.tables import notice
from hub.model import Kind, State
from hub.parcel import bound_to, kind_of
from hub.returns import judging
from postfach_mailbox import Item
from tests.unit import notices
from tests.unit.notices import START


@pytest.fixture
def failed(journal: Journal) -> int:
    (number,) = notices.take(journal, notices.notice(1, obsolete_after=START))
    with journal.write() as tx:
        steps.step(tx, number, State.FAILED, None, START)
    return number


def test_a_job_has_its_notices_payload_and_a_name_of_its_own(journal: Journal, failed: int) -> None:
    with journal.write() as tx:
        posting.order(tx, failed, "print", START)
    with journal.read() as connection:
        of, job = attempts.row(connection, failed), posting.of(connection, failed)
        assert job is not None
        kept = {number: payloads.load(connection, number) for number in (failed, job.id)}
    assert (job.state, job.mailbox, job.due_at) == ("SEALED", "print", START)
    assert (kind_of(job), kind_of(of)) == (Kind.POST, Kind.NOTICE)
    assert bound_to(job) == of.delivery_key != job.delivery_key
    assert (job.key_wrapped, job.obsolete_after) == (of.key_wrapped, None)
    assert job.deadline > START + posting.FOR_GOOD / 2
    assert [(one.item, one.sha256) for one in kept[job.id]] == [
        (one.item, one.sha256) for one in kept[failed]
    ]


def test_there_is_one_job_for_a_notice_whoever_orders_it_again(
    journal: Journal, failed: int
) -> None:
    with journal.write() as tx:
        posting.order(tx, failed, "print", START)
    for relay in ("print", "other"):
        with pytest.raises(sa.exc.IntegrityError), journal.write() as tx:
            posting.order(tx, failed, relay, START)


@pytest.mark.parametrize("state", [one for one in State if one is not State.FAILED])
def test_nothing_but_what_failed_is_ordered(journal: Journal, state: State) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    held = {"held_from": "SEALED"} if state is State.HELD else {}
    with journal.write() as tx:
        tx.connection.execute(
            sa.update(notice)
            .where(notice.c.id == number)
            .values(state=state.value, open=not state.final, final_at=START, **held)
        )
    with pytest.raises(sa.exc.NoResultFound), journal.write() as tx:
        posting.order(tx, number, "print", START)
    with journal.read() as connection:
        assert posting.of(connection, number) is None


def test_a_job_that_has_ended_is_erased_at_once_and_an_open_one_never(
    journal: Journal, failed: int
) -> None:
    with journal.write() as tx:
        posting.order(tx, failed, "print", START)
    before = START.replace(year=2020)
    with journal.read() as connection:
        assert payloads.erasable(connection, before, 9) == []
        job = posting.of(connection, failed)
    assert job is not None
    with journal.write() as tx:
        posting.end(tx, job, START)
    with journal.read() as connection:
        assert [one.id for one in payloads.erasable(connection, before, 9)] == [job.id]


@pytest.mark.parametrize(
    ("kind", "about", "trouble"),
    [
        ("post-result", "notice", returning.UNKNOWN),  # of a plugin that is no relay
        ("retrieval", "job", returning.UNKNOWN),  # of a relay: nobody fetches a letter there
        ("reply", "job", returning.UNKNOWN),
        ("late-failure", "job", returning.UNKNOWN),
        ("post-result", "job", judging.NOT_POSTED),
    ],
)
def test_what_came_back_about_the_wrong_thing_is_a_case(
    journal: Journal, failed: int, kind: str, about: str, trouble: str
) -> None:
    item = Item.model_validate(
        {
            "id": "1",
            "kind": kind,
            "at": START,
            "evidence": [{"name": "a", "media_type": "text/plain", "data": "YQ=="}],
            "posted": True if kind == "post-result" else None,
        }
    )
    with journal.write() as tx:
        posting.order(tx, failed, "print", START)
        job = posting.of(tx.connection, failed)
        assert job is not None
        number = failed if about == "notice" else job.id
        assert judging.trouble(tx, number, item, START) == trouble
