"""Checked drops when things go wrong around them: none is lost, worked twice or waits for ever."""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from hub import app, starter
from hub.app.parts import Parts
from hub.config import load
from hub.errors import StorageFailed
from hub.intake import Committer, Done, Layers, drops
from hub.intake.drops import Acceptable, Opened, Refusal, Waits
from hub.intake.preparing import Sealed
from hub.spool import Claim
from hub.vault import Segment
from postfach_mailbox import Capabilities, Passed, Reason, Repeat, Undecided
from tests.flow.papers import Drop, Paper, drop
from tests.unit.checked import CHECK, claims, incoming, kinds, look, put, start_check, work
from tests.unit.dispatching import capabilities
from tests.unit.puppet import Puppet
from tests.unit.spools import TurnedClock, make_folders

pytestmark = pytest.mark.slow

MORE = """
[tenants.wismar]
mailboxes = ["citizens"]
[tenants.wismar.procedures.bauamt]
authors = ["ags:130030000000"]
"""
UNSURE = Undecided(reason=Reason(code="TOO_LARGE", text="too large"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    started = starter.init(tmp_path / "h", TurnedClock().now())
    with started.config.open("a", encoding="utf-8") as file:
        file.write(CHECK + MORE)
    make_folders(started.config.parent / "spool", "wismar")
    return started.config.parent


@pytest.fixture
def parts(folder: Path) -> Iterator[Parts]:
    with app.worker(load(folder / "hub.toml", {}), TurnedClock(), "w1") as made:
        yield made
        made.stop(0.0)


@pytest.fixture
def check(parts: Parts) -> Puppet:
    return start_check(parts)


def segments(parts: Parts) -> int:
    return len(list(parts.vault.path.rglob("*.seg")))


def kept(parts: Parts) -> int:
    """Return how many segments the journal names."""
    with parts.journal.read() as connection:
        statement = "SELECT count(DISTINCT segment) FROM payload"
        return int(connection.exec_driver_sql(statement).scalar() or 0)


def leave_behind(parts: Parts, *left: Drop) -> None:
    """Have drops be claims of a dead worker, which this one takes over."""
    put(parts, *left)
    claimed = parts.config.folder_of("rostock", "bauamt") / ".claimed" / "w0"
    claimed.mkdir()
    spool = parts.spools["rostock", "bauamt"]
    for made in left:
        claim = spool.claim(f"{made.stem}.xml".encode())
        assert isinstance(claim, Claim)
        (claimed.parent / "w1" / claim.file).rename(claimed / claim.file)
    parts.intake.recover(spool, spool.adopt("w0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Full(Committer):
    """A committer whose first commit finds no room: before it is made, or after it is durable."""

    calls: list[int]
    durable: bool

    def commit(
        self,
        sealed: Sequence[Sealed],
        repeats: Sequence[drops.Repeat],
        refusals: Sequence[Refusal],
        now: datetime,
    ) -> Done:
        self.calls.append(len(sealed))
        first, done = len(self.calls) == 1, Done()
        if not first or self.durable:
            done = Committer.commit(self, sealed, repeats, refusals, now)
        if first:
            raise StorageFailed("full", where="disk", fix="Make room")
        return done


def fill(parts: Parts, *, durable: bool = False) -> None:
    good = parts.intake.taker.committer
    full = Full(
        config=good.config,
        journal=good.journal,
        issuer=good.issuer,
        places=good.places,
        terms=good.terms,
        calls=[],
        durable=durable,
    )
    parts.intake.taker = replace(parts.intake.taker, committer=full)


def test_a_drop_that_is_before_its_checks_is_not_asked_about_again_when_its_batch_fails(
    parts: Parts, check: Puppet
) -> None:
    fill(parts)
    put(parts, drop(stem="asked"))
    put(parts, drop(stem="other"), tenant="wismar")
    look(parts, 0)
    look(parts)
    assert kinds(parts) == [("other", "taken")]
    assert len(check.calls) == 1
    check.answer_all(Passed())
    work(parts)
    look(parts)
    assert kinds(parts) == [("asked", "taken"), ("other", "taken")]
    assert claims(parts) == []


@pytest.mark.parametrize("durable", [False, True], ids=["before", "after"])
def test_a_drop_that_passed_is_taken_once_when_its_commit_seems_to_fail(
    parts: Parts, check: Puppet, durable: bool
) -> None:
    fill(parts, durable=durable)
    put(parts, drop(stem="a"))
    for _ in range(4):
        look(parts)
        check.answer_all(Passed())
    assert kinds(parts) == [("a", "taken")]
    assert claims(parts) == []


def test_a_drop_that_was_in_a_crash_is_worked_alone_with_its_tries_after_it_waited_for_a_place(
    parts: Parts, check: Puppet
) -> None:
    check.in_flight = 0
    leave_behind(parts, drop(stem="a"), drop(stem="b"))
    work(parts)
    assert claims(parts) == [("a", 0), ("b", 0)]  # to wait is no crash
    check.in_flight = 4
    seen: list[list[tuple[str, int]]] = []
    good = parts.intake.taker.layers

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Looks(Layers):
        def examine(
            self, opened: Opened, segment: Segment, told: Mapping[str, Capabilities | None]
        ) -> Acceptable | Refusal | Waits:
            seen.append(claims(parts))
            return Layers.examine(self, opened, segment, told)

    layers = Looks(config=good.config, limits=good.limits, clock=good.clock, explain=good.explain)
    parts.intake.taker = replace(parts.intake.taker, layers=layers)
    work(parts)
    assert sorted(seen) == [[("a", 0), ("b", 1)], [("a", 1), ("b", 0)]]


def test_drops_that_a_dead_hub_left_are_not_all_before_the_commit_at_once(
    parts: Parts, check: Puppet
) -> None:
    leave_behind(parts, *(drop(stem=f"d{n:02}") for n in range(20)))
    most = 0
    while parts.intake.busy or check.calls:
        check.answer_all(Passed())
        parts.hear()
        parts.intake.step()
        most = max(most, len(parts.checks.landed))
    assert most <= check.in_flight
    assert len(kinds(parts)) == 20


def test_a_drop_without_a_verdict_is_asked_about_again_at_the_next_rescan_only(
    parts: Parts, check: Puppet
) -> None:
    put(parts, drop(stem="a"))
    look(parts, 0)
    (first,) = check.calls
    check.answer(first, UNSURE)
    work(parts)
    for n in range(20):  # as a busy hub looks into its folders
        put(parts, drop(stem=f"other-{n}"), tenant="wismar")
        look(parts, 0)
    assert not check.calls
    look(parts)
    assert len(check.calls) == 1


def test_what_a_second_copy_of_a_drop_put_into_the_vault_is_removed(
    parts: Parts, check: Puppet
) -> None:
    first = drop(stem="first")
    again = replace(drop(stem="again"), envelope=first.envelope, files={})
    put(parts, first)
    look(parts, 0)
    check.said.clear()
    other = drop(Paper(data=b"%PDF-1.4 other\n"), stem="other", message_id=first.message_id)
    put(parts, other, again)
    (incoming(parts) / "first.0.bin").write_bytes(Paper().data)
    look(parts, 0)
    assert len(check.calls) == 3
    check.answer_all(Passed())
    work(parts)
    found = dict(kinds(parts))
    assert sorted(found.values()) == ["refused", "repeated", "taken"]
    assert segments(parts) == kept(parts) == 1


def test_a_drop_whose_mailbox_told_meanwhile_what_it_can_do_is_not_held_for_that(
    parts: Parts, check: Puppet
) -> None:
    put(parts, drop(stem="a"))
    look(parts, 0)
    line = parts.dispatch.lines["citizens"]
    line.capabilities = capabilities(Repeat.IDEMPOTENT)
    check.answer_all(Passed())
    work(parts)
    look(parts)
    check.answer_all(Passed())
    work(parts)
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT state FROM notice").fetchall()
    assert [row.state for row in rows] == ["SEALED"]


def test_a_recovered_drop_that_cannot_be_asked_about_is_tried_again(
    parts: Parts, check: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: str) -> int:
        raise StorageFailed("too many open files", where="vault", fix="Wait")

    leave_behind(parts, drop(stem="a"))
    monkeypatch.setattr(parts.vault, "open", full)
    work(parts)
    assert kinds(parts) == []
    monkeypatch.undo()
    look(parts)
    check.answer_all(Passed())
    work(parts)
    assert kinds(parts) == [("a", "taken")]


@pytest.mark.parametrize("at", range(3))
def test_a_disk_that_fails_while_a_try_is_counted_loses_no_drop(
    parts: Parts, check: Puppet, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    calls: list[int] = []
    rename = os.rename

    def fails_once(source: str, target: str, **fds: int) -> None:
        if str(source).endswith(".xml") and fds.get("src_dir_fd") == fds.get("dst_dir_fd"):
            calls.append(1)
            if len(calls) == at + 1:
                raise OSError(errno.EIO, "a fault of the disk")
        rename(source, target, **fds)

    leave_behind(parts, drop(stem="a"), drop(stem="b"))
    monkeypatch.setattr(os, "rename", fails_once)
    for _ in range(8):
        parts.hear()
        try:
            look(parts)
        except StorageFailed:
            continue
        check.answer_all(Passed())
    assert kinds(parts) == [("a", "taken"), ("b", "taken")]
