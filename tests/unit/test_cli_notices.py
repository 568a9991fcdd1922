"""The commands about notices, called in this process on a real journal."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import cli, starter
from hub.clock import system_clock
from hub.journal import Journal, open_journal
from hub.journal.tables import entry, notice
from tests.unit.spools import START, TurnedClock, add_notice, issue

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return starter.init(tmp_path / "h", system_clock().now()).config.parent


@pytest.fixture
def call(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def hub(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main(["--config", str(folder / "hub.toml"), *arguments])
        printed = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, printed.out, printed.err

    return hub


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    opened = open_journal(folder / "var" / "hub.db", TurnedClock(), create=True)
    yield opened
    opened.close()


def put(journal: Journal, **values: Any) -> None:
    with journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(**values))


def due(journal: Journal) -> Any:
    with journal.read() as connection:
        return connection.scalar(sa.select(notice.c.due_at))


def entries(journal: Journal, kind: str) -> list[Any]:
    with journal.read() as connection:
        found = connection.scalars(sa.select(entry.c.body).where(entry.c.kind == kind))
        return [json.loads(body)["subject"] for body in found]


def test_retry_makes_a_waiting_notice_due_and_leaves_word_who_did_it(
    journal: Journal, call: Call
) -> None:
    add_notice(journal, TurnedClock(), 1)
    put(journal, state="DEFERRED", due_at=START.replace(year=2999))
    code, out, _ = call("retry", "urn:1")
    assert (code, out.split(";")[0]) == (0, "urn:1: due now")
    assert due(journal) <= system_clock().now()
    (subject,) = entries(journal, "notice.hastened")
    login = int(Path("/proc/self/loginuid").read_text("ascii"))
    assert subject == {
        "message_id": "urn:1",
        "user": os.getuid() if login == 2**32 - 1 else login,
    }


@pytest.mark.parametrize(
    "values",
    [
        {"state": "HELD", "held_from": "SEALED", "held_reason": "crashes", "due_at": None},
        {"state": "PENDING"},
        {"state": "IN_DOUBT"},
        {"state": "FAILED", "open": False, "final_at": START},
    ],
)
def test_retry_leaves_alone_what_cannot_be_sent_again(
    journal: Journal, call: Call, values: dict[str, Any]
) -> None:
    add_notice(journal, TurnedClock(), 1)
    put(journal, **values)
    before = due(journal)
    code, out, err = call("retry", "urn:1")
    assert (code, out) == (65, "")
    assert values["state"] in err
    assert due(journal) == before
    assert entries(journal, "notice.hastened") == []


def test_retry_of_what_is_in_the_air_changes_nothing(journal: Journal, call: Call) -> None:
    add_notice(journal, TurnedClock(), 1)
    put(journal, lease_owner="w1")
    assert call("retry", "urn:1") == (0, "urn:1: an attempt is under way\n", "")
    assert entries(journal, "notice.hastened") == []


def test_status_as_json_tells_what_a_person_is_told(journal: Journal, call: Call) -> None:
    add_notice(journal, TurnedClock(), 1)
    code, out, _ = call("status", "urn:1", "--json")
    (found,) = json.loads(out)
    assert (code, found["state"], found["accepted_at"]) == (0, "SEALED", START.isoformat())
    _, out, _ = call("status", "urn:1")
    assert found["next"] in out


def test_watching_a_final_notice_ends_at_once(journal: Journal, call: Call) -> None:
    add_notice(journal, TurnedClock(), 1)
    put(journal, state="FAILED", open=False, final_at=START)
    assert call("status", "urn:1", "--watch")[0] == 0


def test_a_list_counts_on_stderr_so_that_stdout_is_rows_only(journal: Journal, call: Call) -> None:
    for number in (1, 2):
        add_notice(journal, TurnedClock(), number)
    code, out, err = call("list")
    assert (code, len(out.splitlines()), err) == (0, 2, "2 notices\n")
    assert call("list", "--json", "--state", "HELD") == (0, "[]\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--state", "LOST"),
        ("list", "--older", "3 days"),
        ("list", "--older", "-1d"),
        ("list", "--nonsense"),
        ("status",),
        ("retry",),
        ("submit", "x.xml"),
        ("receipt", "verify", "x.xml", "--trust", "ca.pem", "--at", "yesterday"),
        ("receipt", "verify", "x.xml", "--trust", "ca.pem", "--at", "2026-02-03T10:00:00"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    journal: Journal, call: Call, arguments: tuple[str, ...]
) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (64, "")
    assert err


def test_without_a_database_the_message_says_how_to_get_one(call: Call) -> None:
    code, _, err = call("list")
    assert code == 78
    assert "hub run --once" in err


def test_reissue_leaves_word_and_names_the_files(journal: Journal, call: Call) -> None:
    issue(journal, TurnedClock(), add_notice(journal, TurnedClock(), 1), 1)
    code, out, _ = call("receipt", "reissue", "urn:1")
    assert (code, out) == (0, "rostock/bauamt/out/stem-1.01.deposited.xml\n")
    (subject,) = entries(journal, "receipt.reissued")
    assert subject["count"] == 1
    assert "user" in subject


def test_a_notice_to_which_no_drop_leads_is_not_handed_out_again(
    journal: Journal, call: Call
) -> None:
    issue(journal, TurnedClock(), add_notice(journal, TurnedClock(), 1), 1)
    with journal.write() as tx:
        tx.connection.exec_driver_sql('UPDATE "drop" SET notice_id = NULL')
    code, _, err = call("receipt", "reissue", "urn:1")
    assert code == 65
    assert "no drop leads to this notice" in err


def test_confirm_leaves_no_folder_of_a_worker_behind(
    folder: Path, journal: Journal, call: Call
) -> None:
    assert call("receipt", "confirm", "rostock/bauamt")[0] == 0
    assert [*(folder / "spool" / "rostock" / "bauamt" / ".claimed").iterdir()] == []
    assert [*(folder / "spool" / ".workers").iterdir()] == []
    (subject,) = entries(journal, "spool.confirmed")
    assert subject["tenant"] == "rostock"
