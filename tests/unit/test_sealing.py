"""A notice that waited for its seal gets one, however many hubs see to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from hub.caution import Caution
from hub.journal.tables import payload
from hub.seal import SealUnavailable
from hub.sealing import Sealing
from tests.unit.dispatching import Ground
from tests.unit.notices import TurnedClock


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """A seal during whose making something else happens."""

    seal: Any
    meanwhile: Callable[[], object]

    def sign(self, document: bytes, at: datetime) -> bytes:
        self.meanwhile()
        return bytes(self.seal.sign(document, at))


def test_of_two_hubs_that_seal_one_notice_one_writes_its_seal(ground: Ground) -> None:
    number = ground.take(1, state="ACCEPTED")
    sealed = sa.and_(payload.c.notice_id == number, payload.c.item == "sealed")
    with ground.journal.write() as tx:
        tx.connection.execute(sa.delete(payload).where(sealed))
    other = Sealing(
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=ground.clock,
        caution=Caution(journal=ground.journal, clock=ground.clock),
    )
    waiting = ground.row(number)
    slow: Any = Interrupted(seal=ground.issuer.seal, meanwhile=lambda: other._seal(waiting))
    late = replace(other, issuer=replace(ground.issuer, seal=slow))
    late._seal(waiting)
    row = ground.row(number)
    assert (row.state, row.fence) == ("SEALED", 1)
    with ground.journal.read() as connection:
        assert len(connection.execute(sa.select(payload).where(sealed)).all()) == 1


@dataclass(slots=True, kw_only=True)
class Absent:
    """A seal whose key is away for a while."""

    seal: Any
    away: bool = True

    def sign(self, document: bytes, at: datetime) -> bytes:
        if self.away:
            raise SealUnavailable("the key is away", where="seal", fix="Bring it back")
        return bytes(self.seal.sign(document, at))


def test_that_the_seal_is_away_is_said_once_and_that_it_is_back(ground: Ground) -> None:
    number = ground.take(1, state="ACCEPTED")
    with ground.journal.write() as tx:
        tx.connection.execute(sa.delete(payload).where(payload.c.item == "sealed"))
    absent: Any = Absent(seal=ground.issuer.seal)
    sealing = Sealing(
        journal=ground.journal,
        vault=ground.vault,
        issuer=replace(ground.issuer, seal=absent),
        clock=ground.clock,
        caution=Caution(journal=ground.journal, clock=ground.clock),
    )
    with structlog.testing.capture_logs() as logs:
        assert [sealing.step() for _ in range(3)] == [0, 0, 0]
        absent.away = False
        assert [sealing.step() for _ in range(2)] == [1, 0]
    assert [one["event"] for one in logs] == ["the seal is away", "the seal is back"]
    assert ground.row(number).state == "SEALED"
