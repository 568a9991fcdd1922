"""A notice that waited for its seal gets one, however many hubs see to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.caution import Caution
from hub.journal.tables import payload
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
