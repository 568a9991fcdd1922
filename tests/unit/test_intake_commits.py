"""What lies before commit A, and what it decides under its lock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hub.app.loop import Parts
from hub.intake import Committer, Done
from hub.intake.drops import Refusal, Repeat
from hub.intake.preparing import Sealed
from tests.unit.barriers import Watched
from tests.unit.test_intake import drops, left, parts, put, work_off

__all__ = ["parts"]  # a fixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Committer):
    """A committer that notes what was durable when it was called."""

    disk: Watched
    before: list[Path]

    def commit(
        self,
        sealed: Sequence[Sealed],
        repeats: Sequence[Repeat],
        refusals: Sequence[Refusal],
        now: datetime,
    ) -> Done:
        self.before.extend(self.disk.synced)
        return Committer.commit(self, sealed, repeats, refusals, now)


def test_claims_and_documents_are_durable_before_the_commit_that_takes_them(parts: Parts) -> None:
    good, disk = parts.intake.taker.committer, Watched()
    noted = Noted(
        config=good.config,
        journal=good.journal,
        issuer=good.issuer,
        places=good.places,
        terms=good.terms,
        disk=disk,
        before=[],
    )
    parts.intake.taker = replace(parts.intake.taker, committer=noted, disk=disk)
    folder = put(parts, "a")
    work_off(parts)
    assert drops(parts) == [("a", "taken")]
    assert {folder / "in", folder / ".claimed" / "w1"} <= set(noted.before)
    assert any(path.suffix == ".seg" for path in noted.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Second(Committer):
    """A committer before which another hub takes the same drops, after they were looked for."""

    def commit(
        self,
        sealed: Sequence[Sealed],
        repeats: Sequence[Repeat],
        refusals: Sequence[Refusal],
        now: datetime,
    ) -> Done:
        theirs = []
        for one in sealed:
            work = one.drop.opened.work
            claim = replace(work.claim, id=work.claim.id[::-1], stem="theirs")
            own = replace(
                one.drop, opened=replace(one.drop.opened, work=replace(work, claim=claim))
            )
            theirs.append(replace(one, drop=own, row=replace(one.row, claim=claim.id)))
        Committer.commit(self, theirs, (), (), now)
        return Committer.commit(self, sealed, repeats, refusals, now)


def test_what_another_hub_took_meanwhile_is_a_repeat(parts: Parts) -> None:
    good = parts.intake.taker.committer
    second = Second(
        config=good.config,
        journal=good.journal,
        issuer=good.issuer,
        places=good.places,
        terms=good.terms,
    )
    parts.intake.taker = replace(parts.intake.taker, committer=second)
    folder = put(parts, "a")
    work_off(parts)
    assert drops(parts) == [("a", "repeated"), ("theirs", "taken")]
    assert left(folder) == []
