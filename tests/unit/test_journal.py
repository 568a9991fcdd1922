"""The journal: its settings, what may be written only once, and that commits are whole."""

import os
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import evidence
from hub.errors import JournalInvalid, StorageFailed
from hub.journal import Journal, attempts, handouts, open_journal, queue, steps, taking, workers
from hub.journal.attempts import Lease, Term
from hub.journal.handouts import Issue
from hub.journal.steps import Ended
from hub.journal.tables import Row, chain, entry, metadata, notice
from hub.model import State
from tests.unit import notices
from tests.unit.notices import START, TurnedClock

TERM = Term(worker="w1", boot_id="boot-1", end=1060.0, call_end=1030.0, call=timedelta(seconds=30))


def row(journal: Journal, number: int) -> Row:
    with journal.read() as connection:
        return connection.execute(sa.select(notice).where(notice.c.id == number)).one()


def start(journal: Journal, number: int, term: Term = TERM) -> Lease:
    with journal.write() as tx:
        fence = attempts.free_still(tx.connection, [number])[number]
        return attempts.start(tx, term, [(number, fence, False, "deposit")], START)[0]


def ended(lease: Lease, state: State, outcome: str = "DEPOSITED") -> Ended:
    return Ended(
        lease=lease,
        at=START,
        outcome=outcome,
        code=None,
        mailbox_code=None,
        answer=None,
        reference=None,
        state=state,
        state_before=State.SEALED,
        due_at=None,
        call_ends=START,
    )


def issue(number: int, outcome: str = "DEPOSITED", *, final: bool = True) -> Issue:
    return Issue(
        receipt_id=f"receipt-{outcome}-{number}",
        outcome=outcome,
        suffix=outcome.lower(),
        final=final,
        data=b"<Receipt/>",
        issued_at=START,
        tenant="rostock",
        procedure="bauamt",
        stems=("stem1",),
        notice_id=number,
    )


def test_the_settings_that_durability_rests_on_are_read_back(journal: Journal) -> None:
    assert journal.settings() == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
    }


def test_the_migrations_make_the_tables_that_the_code_knows(journal: Journal) -> None:
    with journal.read() as connection:
        found = sa.inspect(connection)
        made = {
            name: {column["name"] for column in found.get_columns(name)}
            for name in found.get_table_names()
            if name not in ("alembic_version", "sqlite_sequence")
        }
    assert made == {
        name: {column.name for column in table.columns} for name, table in metadata.tables.items()
    }


def test_a_database_from_the_future_is_refused(tmp_path: Path, clock: TurnedClock) -> None:
    notices.journal(tmp_path, clock).close()
    with sqlite3.connect(tmp_path / "hub.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(JournalInvalid, match="newer hub"):
        open_journal(tmp_path / "hub.db", clock)


def test_what_is_no_database_is_refused(tmp_path: Path, clock: TurnedClock) -> None:
    (tmp_path / "hub.db").write_bytes(b"no database, but long enough to be one " * 100)
    with pytest.raises(StorageFailed, match="cannot be opened"):
        open_journal(tmp_path / "hub.db", clock)


def test_a_missing_database_is_made_only_when_asked(tmp_path: Path, clock: TurnedClock) -> None:
    with pytest.raises(JournalInvalid, match="no database yet"):
        open_journal(tmp_path / "hub.db", clock)


def test_a_living_hub_s_database_takes_no_other_configuration(
    journal: Journal, clock: TurnedClock
) -> None:
    journal.bind("one")
    with journal.write() as tx:
        workers.begin(tx, "w1", "boot-1", os.getpid(), clock.now())
    with pytest.raises(JournalInvalid, match=r"another hub\.toml"):
        journal.bind("two")
    with journal.write() as tx:
        workers.end(tx, "w1", clock.now())
    journal.bind("two")


@pytest.mark.parametrize("final", [State.DEPOSITED, State.FAILED, State.UNRESOLVED])
@pytest.mark.parametrize("other", [State.DEPOSITED, State.FAILED, State.SEALED])
def test_a_final_state_is_written_once(journal: Journal, final: State, other: State) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        steps.step(tx, number, final, None, START)
    if other is final:
        return
    with pytest.raises(sa.exc.IntegrityError, match="notice_final_is_final"), journal.write() as tx:
        steps.step(tx, number, other, None, START)
    assert row(journal, number).state == final


def test_a_notice_has_one_final_receipt_for_ever(journal: Journal) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        handouts.issue(tx, [issue(number, "ACCEPTED", final=False), issue(number)])
    with pytest.raises(sa.exc.IntegrityError, match="receipt"), journal.write() as tx:
        handouts.issue(tx, [issue(number, "FAILED")])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE receipt SET bytes = x'00'",
        "DELETE FROM receipt",
        "UPDATE entry SET digest = 'x'",
        "DELETE FROM entry",
        "UPDATE chain SET value = 'x'",
        "DELETE FROM chain",
        "DELETE FROM notice",
        "UPDATE attempt SET outcome = 'FAILED'",
        "DELETE FROM attempt",
    ],
)
def test_what_proves_something_is_neither_changed_nor_removed(
    journal: Journal, statement: str
) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    lease = start(journal, number)
    with journal.write() as tx:
        steps.finish(tx, [ended(lease, State.DEPOSITED)])
        handouts.issue(tx, [issue(number)])
        tx.note(number, "notice.deposited", START)
    with pytest.raises(sa.exc.IntegrityError), journal.write() as tx:
        tx.connection.exec_driver_sql(statement)


def test_an_open_notice_cannot_lose_its_key(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    with pytest.raises(sa.exc.IntegrityError), journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE notice SET key_wrapped = NULL")


def test_a_message_id_is_taken_once_per_tenant(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    with pytest.raises(sa.exc.IntegrityError):
        notices.take(journal, notices.notice(1, delivery_key="f" * 64, claim="claim-y"))
    other = notices.notice(1, tenant="schwerin", delivery_key="e" * 64, claim="claim-x")
    assert len(notices.take(journal, other)) == 1


def test_a_commit_that_fails_leaves_nothing_behind(journal: Journal) -> None:
    def twice() -> None:
        with journal.write() as tx:
            tx.note(None, "notice.taken", START)
            taking.insert(tx, [(notices.notice(1), []), (notices.notice(1), [])])

    with pytest.raises(sa.exc.IntegrityError):
        twice()
    with journal.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(notice)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(entry)) == 0


def test_the_entries_of_commits_are_chained(journal: Journal) -> None:
    for number in (1, 2, 3):
        with journal.write() as tx:
            tx.note(None, "notice.taken", START, message_id=f"m{number}")
            tx.note(None, "notice.sealed", START, message_id=f"m{number}")
    with journal.read() as connection:
        links = connection.execute(sa.select(chain).order_by(chain.c.seq)).all()
        rows = connection.execute(sa.select(entry).order_by(entry.c.id)).all()
    commits = [
        evidence.Commit(
            number=link.seq,
            at=link.at,
            link=link.value,
            entries=tuple((one.body, one.digest) for one in rows if one.seq == link.seq),
        )
        for link in links
    ]
    assert [len(one.entries) for one in commits] == [2, 2, 2]
    assert list(evidence.check_chain(commits)) == []


def test_an_attempt_is_a_row_before_it_ends_and_its_lease_has_an_owner_end_and_fence(
    journal: Journal,
) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    lease = start(journal, number)
    found = row(journal, number)
    assert (found.lease_owner, found.lease_end, found.lease_boot) == ("w1", 1060.0, "boot-1")
    assert found.fence == lease.fence == 1
    with journal.read() as connection:
        (made,) = attempts.history(connection, [number])[number]
    assert (made.n, made.outcome, made.ended_at) == (1, None, None)


WANTED = queue.Wanted(
    mailbox="archive",
    now=START,
    states=frozenset({State.SEALED}),
    asked=frozenset(),
    stuck=frozenset(),
    boot_id="boot-1",
    elapsed=1000.0,
    without=frozenset(),
)


def test_what_is_leased_is_not_due_for_others(journal: Journal) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    start(journal, number)
    with journal.read() as connection:
        assert not queue.due(connection, WANTED, 5, suspect=False)
        assert attempts.free_still(connection, [number]) == {}


def test_a_worker_that_lost_its_lease_holds_nothing(journal: Journal) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    lease = start(journal, number)
    with journal.read() as connection:
        assert attempts.holding(connection, "w1", [lease]) == {lease.attempt_id}
        assert attempts.holding(connection, "w2", [lease]) == set()
    with journal.write() as tx:
        steps.step(tx, number, State.DEFERRED, START, START)
    start(journal, number, replace(TERM, end=2000.0))
    with journal.read() as connection:
        assert attempts.holding(connection, "w1", [lease]) == set()


def test_the_indexes_on_open_states_are_used(journal: Journal) -> None:
    with journal.read() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM notice WHERE open = 1 AND mailbox = 'a' "
            "AND due_at <= '2026' ORDER BY due_at LIMIT 50"
        ).all()
    assert any("notice_due" in str(line) for line in plan), plan


@pytest.mark.parametrize("value", ["", "\x01 garbage", "12345"])
def test_a_journal_whose_id_is_damaged_is_not_opened(
    tmp_path: Path, clock: TurnedClock, value: str
) -> None:
    journal = notices.journal(tmp_path, clock)
    with journal.write() as tx:
        of = sa.text("UPDATE meta SET value = :value WHERE key = 'log_id'")
        tx.connection.execute(of, {"value": value})
    journal.close()
    with pytest.raises(JournalInvalid, match="id of the evidence log is damaged"):
        open_journal(tmp_path / "hub.db", clock)
