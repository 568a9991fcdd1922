"""The commands by which a person decides, called in this process on a real journal."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import cli, starter
from hub.clock import system_clock
from hub.journal import Journal, circuits, open_journal
from hub.journal.tables import attempt, entry, notice, pause, receipt
from postfach_mailbox import Repeat
from tests.unit.dispatching import capabilities
from tests.unit.spools import START, TurnedClock, add_notice

Call = Callable[..., tuple[int, str, str]]
IN_DOUBT = {"state": "IN_DOUBT", "due_at": None}
HELD = {"state": "HELD", "held_from": "SEALED", "held_at": START, "due_at": None}
LATER = START.replace(year=2999)


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
    add_notice(opened, TurnedClock(), 1)
    yield opened
    opened.close()


def put(journal: Journal, **values: Any) -> None:
    with journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(**values))


def tell(journal: Journal, repeat: Repeat) -> None:
    with journal.write() as tx:
        circuits.know(tx, ["archive"])
        circuits.told(tx, "archive", capabilities(repeat).model_dump_json(), START)


def row(journal: Journal) -> Any:
    with journal.read() as connection:
        return connection.execute(sa.select(notice)).one()


def entries(journal: Journal, kind: str) -> list[Any]:
    with journal.read() as connection:
        found = connection.scalars(sa.select(entry.c.body).where(entry.c.kind == kind))
        return [json.loads(body)["subject"] for body in found]


@pytest.mark.parametrize(
    ("repeat", "code"), [(Repeat.IDEMPOTENT, 0), (Repeat.QUERYABLE, 0), (Repeat.NEITHER, 65)]
)
def test_retry_in_doubt_does_what_the_mailbox_allows(
    journal: Journal, call: Call, repeat: Repeat, code: int
) -> None:
    put(journal, **IN_DOUBT)
    tell(journal, repeat)
    assert call("retry", "urn:1")[0] == code
    assert (row(journal).due_at is None) is (code == 65)


def test_retry_says_when_a_call_may_still_be_in_the_air(journal: Journal, call: Call) -> None:
    put(journal, **IN_DOUBT)
    tell(journal, Repeat.QUERYABLE)
    with journal.write() as tx:
        tx.connection.execute(
            sa.insert(attempt).values(
                notice_id=1,
                n=1,
                operation="deposit",
                worker="w",
                fence=1,
                started_at=START,
                ended_at=START,
                outcome="UNKNOWN",
                ends_at=LATER,
            )
        )
    code, out, _ = call("retry", "urn:1")
    assert (code, row(journal).due_at) == (0, LATER)
    assert "2999" in out


def test_release_frees_what_crashes_held(journal: Journal, call: Call) -> None:
    put(journal, **HELD, held_reason="crashes", suspect=True, crashes=3)
    code, out, _ = call("release", "urn:1")
    assert (code, out.split(";")[0]) == (0, "urn:1: SEALED again")
    found = row(journal)
    assert (found.state, found.crashes, found.suspect) == ("SEALED", 0, True)
    (subject,) = entries(journal, "notice.released")
    assert "user" in subject


@pytest.mark.parametrize("reason", ["mailbox", "capabilities"])
def test_release_leaves_to_the_mailbox_what_it_holds(
    journal: Journal, call: Call, reason: str
) -> None:
    put(journal, **HELD, held_reason=reason)
    code, _, err = call("release", "urn:1")
    assert (code, row(journal).state) == (65, "HELD")
    assert "Mend the mailbox" in err


def test_release_of_what_is_not_held_is_refused(journal: Journal, call: Call) -> None:
    assert call("release", "urn:1")[0] == 65


def test_settle_says_what_became_and_who_said_so(journal: Journal, call: Call) -> None:
    put(journal, **IN_DOUBT)
    at = "2026-03-01T13:00:00+01:00"
    decided = ("settle", "urn:1", "--as", "deposited", "--reason", "seen in the mailbox")
    code, out, _ = call(*decided, "--at", at)
    assert (code, out.splitlines()) == (
        0,
        [
            "rostock/bauamt/out/stem-1.01.unresolved.xml",
            "rostock/bauamt/out/stem-1.02.settled.xml",
        ],
    )
    (subject,) = entries(journal, "notice.decided")
    assert subject["settled_as"] == "deposited"
    assert subject["happened_at"] == "2026-03-01T12:00:00.000000Z"
    assert isinstance(subject["user"], int)
    assert "reason" not in subject
    assert call(*decided)[0] == 65


def test_settled_receipts_hold_against_the_trust_of_all_receipts(
    folder: Path, journal: Journal, call: Call
) -> None:
    put(journal, **IN_DOUBT)
    call("settle", "urn:1", "--as", "failed", "--reason", "not there")
    with journal.read() as connection:
        (*_, last) = connection.scalars(sa.select(receipt.c.bytes).order_by(receipt.c.id)).all()
    (folder / "r.xml").write_bytes(last)
    trust = str(next((folder / "keys").glob("*ca*")))
    assert call("receipt", "verify", str(folder / "r.xml"), "--trust", trust)[0] == 0


def test_settle_waits_for_an_attempt_under_way(journal: Journal, call: Call) -> None:
    put(journal, **IN_DOUBT, lease_owner="w1")
    assert call("settle", "urn:1", "--as", "failed", "--reason", "x")[0] == 75


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as", "posted", "--reason", "x"),
        ("--as", "failed"),
        ("--as", "failed", "--reason", " "),
        ("--as", "failed", "--reason", "x" * 501),
        ("--as", "failed", "--reason", "x", "--at", "2026-03-01T12:00:00Z"),
        ("--as", "deposited", "--reason", "x", "--at", "yesterday"),
        ("--as", "deposited", "--reason", "x", "--at", "2999-01-01T00:00:00Z"),
        ("--as", "deposited", "--reason", "x", "--at", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_a_usage_error(
    journal: Journal, call: Call, arguments: tuple[str, ...]
) -> None:
    put(journal, **IN_DOUBT)
    assert call("settle", "urn:1", *arguments)[0] == 64
    assert row(journal).state == "IN_DOUBT"


def test_where_two_tenants_have_an_id_one_must_be_named(journal: Journal, call: Call) -> None:
    other = {**row(journal)._mapping, "id": 2, "tenant": "schwerin", "delivery_key": "other"}
    with journal.write() as tx:
        tx.connection.execute(sa.insert(notice).values(**other))
    put(journal, **IN_DOUBT)
    decided = ("settle", "urn:1", "--as", "failed", "--reason", "x", "--tenant")
    assert call(*decided[:-1])[0] == 64
    assert call(*decided, "wismar")[0] == 65
    assert call(*decided, "rostock")[0] == 0


def test_cases_say_why_and_what_to_do(journal: Journal, call: Call) -> None:
    assert call("list", "--cases") == (0, "", "0 cases\n")
    put(journal, **IN_DOUBT)
    code, out, err = call("list", "--cases")
    assert (code, err) == (0, "1 case\n")
    assert "hub settle" in out
    (found,) = json.loads(call("list", "--cases", "--json")[1])
    assert (found["case"], found["message_id"]) == ("in-doubt", "urn:1")
    assert found["why"]
    assert found["fix"]
    assert call("list", "--cases", "--tenant", "schwerin")[2] == "0 cases\n"
    assert call("list", "--cases", "--state", "HELD")[2] == "0 cases\n"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), [("mailbox", "archive"), ("tenant", "rostock")])
def test_a_pause_is_told_and_ended_by_name(
    journal: Journal, call: Call, kind: str, name: str
) -> None:
    assert call("pause", name)[:2] == (0, f"{kind} {name} is paused\n")
    assert call("pause", name)[:2] == (0, f"{kind} {name} was paused already\n")
    shown = call("status", "urn:1")[1]
    assert f"{kind} {name} is paused" in shown
    assert f"{kind} {name} is paused" in call("retry", "urn:1")[1]
    doctor = call("doctor")[1]
    assert f"{name}" in doctor
    assert "paused since" in doctor
    assert call("resume", name)[:2] == (0, f"{kind} {name} goes on; 1 deadline moved\n")
    assert call("resume", name)[0] == 65
    assert [one["name"] for one in entries(journal, f"{kind}.paused")] == [name]
    assert [one["count"] for one in entries(journal, f"{kind}.resumed")] == [1]


def test_what_is_neither_tenant_nor_mailbox_is_not_paused(journal: Journal, call: Call) -> None:
    assert call("pause", "nobody")[0] == 65
    assert call("pause", "archive", "--tenant")[0] == 65
    with journal.read() as connection:
        assert connection.execute(sa.select(pause)).all() == []


def test_a_name_of_both_must_say_which(folder: Path, journal: Journal, call: Call) -> None:
    file = folder / "hub.toml"
    text = file.read_text("utf-8")
    file.write_text(
        text.replace("mailboxes.citizens", "mailboxes.rostock").replace('"citizens"', '"rostock"')
    )
    assert call("pause", "rostock")[0] == 64
    assert call("pause", "rostock", "--mailbox")[0] == 0
    assert call("pause", "rostock", "--tenant")[0] == 0
    assert call("resume", "rostock")[0] == 64
    assert call("resume", "rostock", "--tenant")[0] == 0
    assert call("resume", "rostock")[0] == 0
