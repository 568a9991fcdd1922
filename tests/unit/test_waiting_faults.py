"""Drops that wait as claims: what is looked at again how often, and that nothing waits for ever."""

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hub import app, starter
from hub.app.parts import Parts
from hub.config import load
from hub.errors import StorageFailed
from hub.intake import Layers
from hub.intake.drops import Acceptable, Opened, Refusal, Waits
from hub.journal import pauses, taking
from hub.spool import Claim
from hub.vault import Segment
from postfach_mailbox import Capabilities, Passed
from tests.flow.papers import drop
from tests.unit.checked import CHECK, claims, incoming, kinds, look, put, start_check, work
from tests.unit.spools import TurnedClock


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def config(tmp_path: Path, clock: TurnedClock) -> Path:
    """Give hub.toml of a hub whose drops must stand still for a second."""
    made = starter.init(tmp_path / "h", clock.now()).config
    text = made.read_text("utf-8")
    assert 'settle = "0s"' in text
    made.write_text(text.replace('settle = "0s"', 'settle = "1s"'), "utf-8")
    return made


@pytest.fixture
def parts(config: Path, clock: TurnedClock) -> Iterator[Parts]:
    with app.worker(load(config, {}), clock, "w1") as made:
        yield made
        made.stop(0.0)


def pending(parts: Parts) -> bool:
    return parts.intake.taker.settling.pending


def test_a_drop_without_its_document_does_not_settle_for_ever_before_a_check_that_is_away(
    config: Path, clock: TurnedClock
) -> None:
    config.write_text(config.read_text("utf-8") + CHECK, "utf-8")
    with app.worker(load(config, {}), clock, "w1") as parts:
        put(parts, drop(stem="a"), documents=False)
        for _ in range(4):
            look(parts, 5)
        assert not pending(parts)
        assert kinds(parts) == []


def test_a_drop_that_stood_still_once_need_not_when_a_check_has_a_place_for_it(
    config: Path, clock: TurnedClock
) -> None:
    config.write_text(config.read_text("utf-8") + CHECK, "utf-8")
    with app.worker(load(config, {}), clock, "w1") as parts:
        put(parts, drop(stem="a"))
        for _ in range(4):
            look(parts, 2)
        assert not pending(parts)
        puppet = start_check(parts)
        work(parts)
        assert len(puppet.calls) == 1
        puppet.answer_all(Passed())
        work(parts)
        assert kinds(parts) == [("a", "taken")]


def test_a_document_that_was_seen_and_withdrawn_is_not_waited_for_after_the_refusal(
    parts: Parts,
) -> None:
    made = drop(stem="a")
    (document,) = made.files
    put(parts, made)
    look(parts, 0)
    look(parts, 2)  # the envelope is claimed, its document seen for the first time
    (incoming(parts) / document).unlink()
    look(parts, 5)
    look(parts, 6)
    assert kinds(parts) == [("a", "refused")]
    assert not pending(parts)


def test_a_drop_that_settles_is_looked_at_again_at_each_look_between_rescans(
    config: Path, clock: TurnedClock
) -> None:
    config.write_text(config.read_text("utf-8").replace('rescan = "2s"', 'rescan = "1h"'), "utf-8")
    with app.worker(load(config, {}), clock, "w1") as parts:
        put(parts, drop(stem="a"))
        for _ in range(3):
            look(parts, 2)
        assert kinds(parts) == [("a", "taken")]


def test_a_journal_that_cannot_be_read_for_a_while_loses_no_claim(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> dict[str, str]:
        raise StorageFailed("no answer", where="disk", fix="Look")

    put(parts, drop(stem="a"))
    spool = parts.spools["rostock", "bauamt"]
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    parts.intake.recover(spool, [claim])
    monkeypatch.setattr(taking, "kinds", unreadable)
    work(parts)
    monkeypatch.undo()
    for _ in range(3):
        look(parts)
    assert kinds(parts) == [("a", "taken")]


def test_what_settles_in_a_paused_tenants_folder_is_not_waited_for(
    parts: Parts,
) -> None:
    put(parts, drop(stem="a"))
    look(parts, 0)
    assert pending(parts)
    with parts.journal.write() as tx:
        pauses.begin(tx, "tenant", "rostock", parts.clock.now())
    look(parts, 0)
    assert not pending(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting(Layers):
    """Layers that make each drop wait, and count how often they looked at one."""

    seen: list[str]

    def examine(
        self, opened: Opened, segment: Segment, told: Mapping[str, Capabilities | None]
    ) -> Acceptable | Refusal | Waits:
        self.seen.append(opened.work.claim.stem)
        Layers.examine(self, opened, segment, told)
        return Waits(work=opened.work, why="its mailbox told nothing yet")


def test_drops_that_wait_are_looked_at_again_at_each_rescan_however_busy_the_hub_is(
    parts: Parts,
) -> None:
    good = parts.intake.taker.layers
    layers = Counting(
        config=good.config, limits=good.limits, clock=good.clock, explain=good.explain, seen=[]
    )
    parts.intake.taker = replace(parts.intake.taker, layers=layers)
    put(parts, drop(stem="a"))
    put(parts, drop(stem="b"))
    for _ in range(3):
        look(parts, 2)
    assert sorted(layers.seen) == ["a", "b"]
    for _ in range(30):
        look(parts, 0.01)
    assert sorted(layers.seen) == ["a", "b"]
    look(parts, 5)
    assert sorted(layers.seen) == ["a", "a", "b", "b"]


def test_a_repeated_drop_whose_document_cannot_be_moved_holds_up_no_other(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = drop(stem="a")
    put(parts, made)
    for _ in range(3):
        look(parts, 2)
    assert kinds(parts) == [("a", "taken")]
    rename = os.rename

    def immutable(source: str | bytes, target: str, **fds: int) -> None:
        if source in made.files:
            raise PermissionError(errno.EPERM, "immutable")
        rename(source, target, **fds)

    monkeypatch.setattr(os, "rename", immutable)
    put(parts, made)
    put(parts, drop(stem="b"))
    for _ in range(3):
        look(parts, 2)
    assert kinds(parts) == [("a", "repeated"), ("a", "taken"), ("b", "taken")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stumbles(Layers):
    """Layers with a bug that each drop brings out."""

    def examine(
        self, opened: Opened, segment: Segment, told: Mapping[str, Capabilities | None]
    ) -> Acceptable | Refusal | Waits:
        raise ZeroDivisionError("a bug")


def test_a_checked_drop_that_brings_out_a_bug_is_refused_at_last(
    config: Path, clock: TurnedClock
) -> None:
    config.write_text(config.read_text("utf-8") + CHECK, "utf-8")
    with app.worker(load(config, {}), clock, "w1") as parts:
        start_check(parts)
        good = parts.intake.taker.layers
        layers = Stumbles(
            config=good.config, limits=good.limits, clock=good.clock, explain=good.explain
        )
        parts.intake.taker = replace(parts.intake.taker, layers=layers)
        put(parts, drop(stem="a"))
        for _ in range(10):
            look(parts)
        assert kinds(parts) == [("a", "refused")]


def test_a_try_counts_again_after_a_drop_that_was_in_a_crash_has_settled(parts: Parts) -> None:
    put(parts, drop(stem="a"))
    spool = parts.spools["rostock", "bauamt"]
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    parts.intake.recover(spool, [claim])
    work(parts)
    assert claims(parts) == [("a", 0)]  # to settle is no crash
    good = parts.intake.taker.layers
    layers = Stumbles(
        config=good.config, limits=good.limits, clock=good.clock, explain=good.explain
    )
    parts.intake.taker = replace(parts.intake.taker, layers=layers)
    look(parts, 2)
    assert claims(parts) == [("a", 2)]  # of the crash, and of the bug
