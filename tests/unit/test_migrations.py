"""A database of an older hub: brought up to date with all that lies in it."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import hub.journal
from hub.journal import attempts, late, open_journal, questions
from hub.journal.database import HEAD
from hub.journal.late import LateAnswer
from hub.journal.tables import notice
from tests.unit import notices
from tests.unit.notices import START, TurnedClock

OLD_NOTICE = """INSERT INTO notice (id, tenant, procedure, message_id, message_key, delivery_key,
    claim, envelope_sha256, mailbox, scheme, address, state, open, accepted_at, due_at, deadline,
    failures, crashes, suspect, fence, key_wrapped) VALUES (1, 'rostock', 'bauamt', 'urn:1',
    'urn:1', 'k', 'c', 'e', 'archive', 'archive', 'anna', 'SEALED', 1,
    '2026-02-03T10:00:00.000000Z', '2026-02-03T10:00:00.000000Z', '2026-02-10T10:00:00.000000Z',
    0, 0, 0, 0, x'00')"""
OLD_ATTEMPT = """INSERT INTO attempt (notice_id, n, operation, worker, fence, started_at)
    VALUES (1, 1, 'deposit', 'w1', 1, '2026-02-03T10:00:00.000000Z')"""


def older(path: Path) -> None:
    """Make a database as the first released hub made it, with a notice in work."""
    config = Config()
    scripts = Path(hub.journal.__file__).parent / "migrations"
    config.set_main_option("script_location", str(scripts))
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(OLD_NOTICE)
        connection.exec_driver_sql(OLD_ATTEMPT)
    engine.dispose()


def test_an_older_database_is_brought_up_to_date_with_what_lies_in_it(tmp_path: Path) -> None:
    older(tmp_path / "hub.db")
    opened = open_journal(tmp_path / "hub.db", TurnedClock())
    with opened.read() as connection:
        assert questions.schema_version(connection) == HEAD
        found = attempts.row(connection, 1)
        (tried,) = attempts.history(connection, [1])[1]
    assert (found.message_id, found.settled_at, tried.ends_at) == ("urn:1", None, None)
    opened.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE late SET outcome = 'REFUSED'",
        "UPDATE late SET answer = NULL",
        "DELETE FROM late",
        "UPDATE notice SET settled_as = 'failed', settled_at = '2026'",
    ],
)
def test_what_was_decided_or_came_late_is_written_once(tmp_path: Path, statement: str) -> None:
    opened = notices.journal(tmp_path, TurnedClock())
    notices.take(opened, notices.notice(1))
    answer = LateAnswer(
        notice_id=1, attempt_id=1, at=START, outcome="DEPOSITED", code=None, answer=b"x"
    )
    with opened.write() as tx:
        tx.connection.exec_driver_sql(OLD_ATTEMPT)
        late.keep(tx, answer)
        tx.connection.execute(
            sa.update(notice).values(
                state="UNRESOLVED",
                open=False,
                final_at=START,
                settled_as="deposited",
                settled_at=START,
            )
        )
    with pytest.raises(sa.exc.IntegrityError), opened.write() as tx:
        tx.connection.exec_driver_sql(statement)
    opened.close()
