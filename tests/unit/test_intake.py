"""Intake when things go wrong around it: no batch is half taken, nothing is taken twice."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from hub import app, parcel, starter, telling
from hub.app.loop import Parts
from hub.config import load
from hub.errors import StorageFailed
from hub.intake import Committer, Done, Layers
from hub.intake.drops import Acceptable, Opened, Refusal, Repeat, Waits
from hub.intake.preparing import Sealed
from hub.journal import attempts, payloads
from hub.vault import Segment
from postfach_mailbox import Capabilities
from tests.flow.papers import drop
from tests.unit.spools import TurnedClock

NAMES = ("a", "b", "c")
ANY = {
    "scheme": "citizens",
    "address_pattern": "[a-z]{1,9}",
    "legal_bases": {"OZG9"},
    "assurance_level": "high",
    "max_file": 10_000,
    "max_total": 10_000,
    "max_count": 1,
    "repeat": "IDEMPOTENT",
}


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    clock = TurnedClock()
    started = starter.init(tmp_path / "h", clock.now())
    config = load(started.config, {})
    with app.worker(config, clock, "w1") as made:
        yield made


def put(parts: Parts, *stems: str) -> Path:
    folder = parts.config.folder_of("rostock", "bauamt")
    for stem in stems:
        made = drop(stem=stem)
        for name, data in made.files.items():
            (folder / "in" / name).write_bytes(data)
        (folder / "in" / f"{stem}.xml").write_bytes(made.envelope)
    return folder


def work_off(parts: Parts) -> None:
    cast("TurnedClock", parts.clock).turn(seconds=5)  # so that what waits comes again
    parts.intake.scan()
    while parts.intake.busy:
        parts.intake.step()


def left(folder: Path) -> list[str]:
    places = (folder / "in", folder / ".claimed")
    return [name for place in places for _, _, names in os.walk(place) for name in names]


def drops(parts: Parts) -> list[tuple[str, str]]:
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql('SELECT stem, kind FROM "drop" ORDER BY stem, kind')
        return [(row.stem, row.kind) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsOnce(Committer):
    """A committer whose first commit fails: before it is made, or after it is durable."""

    durable: bool
    calls: list[int]

    def commit(
        self,
        sealed: Sequence[Sealed],
        repeats: Sequence[Repeat],
        refusals: Sequence[Refusal],
        now: datetime,
    ) -> Done:
        self.calls.append(len(sealed))
        first = len(self.calls) == 1
        if first and not self.durable:
            raise StorageFailed("full", where="disk", fix="Make room")
        done = Committer.commit(self, sealed, repeats, refusals, now)
        if first:
            raise StorageFailed("no answer", where="disk", fix="Look")
        return done


@pytest.mark.parametrize("durable", [False, True], ids=["before", "after"])
def test_a_batch_whose_commit_fails_is_worked_singly_and_taken_once(
    parts: Parts, durable: bool
) -> None:
    good = parts.intake.taker.committer
    failing = FailsOnce(
        config=good.config,
        journal=good.journal,
        issuer=good.issuer,
        places=good.places,
        terms=good.terms,
        durable=durable,
        calls=[],
    )
    parts.intake.taker = replace(parts.intake.taker, committer=failing)
    folder = put(parts, *NAMES)
    work_off(parts)
    assert failing.calls == ([3] if durable else [3, 1, 1, 1])
    assert drops(parts) == [(name, "taken") for name in NAMES]
    assert left(folder) == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Stumbles(Layers):
    """Layers with a bug that one drop brings out."""

    def examine(
        self, opened: Opened, segment: Segment, told: Mapping[str, Capabilities | None]
    ) -> Acceptable | Refusal | Waits:
        if opened.work.claim.stem == "b":
            raise ZeroDivisionError("a bug")
        return Layers.examine(self, opened, segment, told)


def test_a_drop_that_brings_out_a_bug_stops_no_other_and_is_refused_at_last(parts: Parts) -> None:
    good = parts.intake.taker.layers
    layers = Stumbles(
        config=good.config, limits=good.limits, clock=good.clock, explain=good.explain
    )
    parts.intake.taker = replace(parts.intake.taker, layers=layers)
    folder = put(parts, *NAMES)
    work_off(parts)
    assert drops(parts) == [("a", "taken"), ("c", "taken")]
    for _ in range(3):
        work_off(parts)
    assert drops(parts) == [("a", "taken"), ("b", "refused"), ("c", "taken")]
    assert left(folder) == ["b.0.bin"]  # never claimed: no envelope was read that names it
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT code FROM \"drop\" WHERE kind = 'refused'")
        assert [row.code for row in rows] == ["9030"]


def test_the_same_drop_twice_in_one_batch_is_one_notice(parts: Parts) -> None:
    folder = parts.config.folder_of("rostock", "bauamt")
    made = drop(stem="a")
    for name, data in made.files.items():
        (folder / "in" / name).write_bytes(data)
    for stem in ("a", "b"):
        (folder / "in" / f"{stem}.xml").write_bytes(made.envelope)
    work_off(parts)
    kinds = [kind for _, kind in drops(parts)]
    assert "taken" in kinds
    with parts.journal.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM notice").scalar()
    assert count == 1
    assert left(folder) == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Layers):
    """Layers to which every mailbox told the same."""

    capabilities: Capabilities | None

    def examine(
        self, opened: Opened, segment: Segment, told: Mapping[str, Capabilities | None]
    ) -> Acceptable | Refusal | Waits:
        everyone = dict.fromkeys(self.config.mailboxes, self.capabilities)
        return Layers.examine(self, opened, segment, everyone)


@pytest.mark.parametrize("prepares", [True, False, None])
def test_a_mailbox_that_may_sign_is_told_sha512_also_of_a_notice_from_the_journal(
    parts: Parts, prepares: bool | None
) -> None:
    good = parts.intake.taker.layers
    told = None if prepares is None else Capabilities.model_validate(ANY | {"prepares": prepares})
    layers = Told(
        config=good.config,
        limits=good.limits,
        clock=good.clock,
        explain=good.explain,
        capabilities=told,
    )
    parts.intake.taker = replace(parts.intake.taker, layers=layers)
    made = drop(stem="a")
    for name, data in made.files.items():
        (parts.config.folder_of("rostock", "bauamt") / "in" / name).write_bytes(data)
    (parts.config.folder_of("rostock", "bauamt") / "in" / "a.xml").write_bytes(made.envelope)
    work_off(parts)
    with parts.journal.read() as connection:
        row = attempts.row(connection, 1)
        rows = payloads.load_all(connection, [1])[1]
    (document,) = telling.told(parcel.unpack(row, rows, parts.vault)).documents
    (data,) = made.files.values()
    expected = None if prepares is False else hashlib.sha512(data).hexdigest()
    assert document.sha512 == expected
