"""The order in which intake works: each authority, each procedure and each source in its turn."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub import app, starter
from hub.app.parts import Parts
from hub.config import load
from hub.errors import StorageFailed
from hub.intake import BATCH, Committer
from hub.room import Left, Room
from hub.spool import Claim
from hub.spool.claims import TIME
from tests.faults.floods import OTHER, flood, heavy
from tests.flow.papers import Drop, drop
from tests.unit.spools import TurnedClock

MORE = """
[tenants.rostock.procedures.kfz]
authors = ["ags:130030000000"]
"""


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """Give a worker with two procedures of one authority and one of another."""
    clock = TurnedClock()
    started = starter.init(tmp_path / "h", clock.now())
    text = started.config.read_text("utf-8")
    started.config.write_text(text + MORE + OTHER, "utf-8")
    config = load(started.config, {})
    for place in (("rostock", "kfz"), ("wismar", "meldeamt")):
        for name in ("in", "out", "rejected"):
            (config.folder_of(*place) / name).mkdir(parents=True)
    with app.worker(config, clock, "w1") as made:
        yield made


def put(parts: Parts, tenant: str, procedure: str, *drops: Drop) -> None:
    folder = parts.config.folder_of(tenant, procedure) / "in"
    for one in drops:
        for name, data in one.files.items():
            (folder / name).write_bytes(data)
        (folder / f"{one.stem}.xml").write_bytes(one.envelope)


def taken(parts: Parts) -> list[str]:
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT tenant, procedure FROM notice ORDER BY id")
        return [f"{row.tenant}/{row.procedure}" for row in rows]


def test_a_batch_holds_of_each_authority_and_of_each_of_its_procedures_in_turn(
    parts: Parts,
) -> None:
    put(parts, "rostock", "bauamt", *flood(60))
    put(parts, "rostock", "kfz", *flood(60))
    put(parts, "wismar", "meldeamt", drop(), drop())
    parts.intake.scan()
    parts.intake.step()
    first = ["rostock/bauamt", "wismar/meldeamt", "rostock/kfz", "wismar/meldeamt"]
    assert taken(parts)[:6] == [*first, "rostock/bauamt", "rostock/kfz"]


def test_what_comes_while_a_flood_is_worked_is_seen_and_goes_with_the_next_batch(
    parts: Parts,
) -> None:
    put(parts, "rostock", "bauamt", *flood(120))
    parts.intake.scan()
    parts.intake.step()
    put(parts, "wismar", "meldeamt", drop())
    put(parts, "rostock", "bauamt", drop())  # of its own procedure's flood: behind that
    parts.intake.scan()
    parts.intake.step()
    assert taken(parts)[50:52] == ["rostock/bauamt", "wismar/meldeamt"]
    assert len(taken(parts)) == 100


def test_what_is_worked_by_itself_goes_beside_a_flood(parts: Parts) -> None:
    (large,) = heavy(1, 9 * 1024**2)
    put(parts, "wismar", "meldeamt", large)
    put(parts, "rostock", "bauamt", *flood(200))
    parts.intake.scan()
    while "wismar/meldeamt" not in taken(parts):
        parts.intake.step()
    assert len(taken(parts)) <= 100


def stems(parts: Parts) -> list[str]:
    with parts.journal.read() as connection:
        return list(connection.exec_driver_sql('SELECT stem FROM "drop" ORDER BY rowid').scalars())


def test_what_a_dead_hub_had_claimed_goes_before_what_lies_there_of_its_procedure(
    parts: Parts,
) -> None:
    spool = parts.spools["rostock", "bauamt"]
    put(parts, "rostock", "bauamt", *(drop(stem=f"early{n}") for n in range(5)))
    claims = [spool.claim(name) for name in spool.scan()]
    parts.intake.recover(spool, [claim for claim in claims if isinstance(claim, Claim)])
    put(parts, "rostock", "bauamt", drop(stem="late"))
    put(parts, "rostock", "kfz", drop(stem="neighbour"))
    work_off(parts)
    own = [stem for stem in stems(parts) if stem != "neighbour"]
    assert own == [*(f"early{n}" for n in range(5)), "late"]
    assert stems(parts).index("neighbour") <= 1  # it waits for none of another procedure


def test_what_two_dead_hubs_had_claimed_is_worked_as_it_was_claimed(parts: Parts) -> None:
    spool, of_one, of_other = parts.spools["rostock", "bauamt"], list[Claim](), list[Claim]()
    for number in range(6):
        put(parts, "rostock", "bauamt", drop(stem=f"n{number}"))
        parts.clock.turn(seconds=1)  # type: ignore[attr-defined]  # a test's clock
        claim = spool.claim(f"n{number}.xml".encode())
        assert isinstance(claim, Claim)
        (of_one if number % 2 else of_other).append(claim)
    for claims in (of_one, of_other):
        parts.intake.recover(spool, claims)
    work_off(parts)
    assert stems(parts) == [f"n{number}" for number in range(6)]


def test_the_drops_of_a_batch_that_failed_go_before_what_lies_there(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise StorageFailed("the disk said no", where="vault", fix="Look at the disk")

    put(parts, "rostock", "bauamt", *flood(BATCH + 10))
    names = parts.spools["rostock", "bauamt"].scan()
    wanted = [name.decode().removesuffix(".xml") for name in names]
    monkeypatch.setattr(Committer, "commit", fail)
    work_off(parts)
    assert stems(parts) == wanted


def test_claims_of_one_moment_are_recovered_in_the_order_in_which_they_were_made(
    parts: Parts,
) -> None:
    clock = TurnedClock()
    claims = []
    for number in range(20):
        clock.turn(seconds=1e-6)
        claims.append(Claim.new(f"n{number:02}.xml".encode(), clock))
    assert [claim.id for claim in claims] == sorted(claim.id for claim in claims)
    assert len({claim.id[:TIME] for claim in claims}) == 1


class Tight(Room):
    """A room of a test: the disk has as many bytes left as are said here."""

    bytes_left = 0

    def left(self, name: str) -> Left:
        return Left(name=name, size=self.bytes_left, files=None)


@pytest.fixture
def tight(parts: Parts) -> Tight:
    made = Tight(folders=parts.intake.room.folders, least=1)
    parts.intake.room = parts.intake.held.room = made
    parts.intake.taker = replace(parts.intake.taker, room=made)
    return made


def work_off(parts: Parts) -> None:
    parts.clock.turn(seconds=5)  # type: ignore[attr-defined]  # a test's clock
    parts.intake.scan()
    while parts.intake.busy:
        parts.intake.step()


def test_without_room_drops_stay_where_they_lie_and_a_single_run_has_failed(
    parts: Parts, tight: Tight
) -> None:
    failed = []
    for stem in ("", "one"):
        if stem:
            put(parts, "rostock", "bauamt", drop(stem=stem))
        work_off(parts)
        failed.append(parts.intake.failed)
    assert failed == [False, True]  # at first nothing lay there
    assert (parts.config.folder_of("rostock", "bauamt") / "in" / "one.xml").exists()
    tight.bytes_left = 10**9
    work_off(parts)
    assert taken(parts) == ["rostock/bauamt"]


def test_where_room_ends_amid_a_scan_the_rest_of_it_is_left_and_seen_again(
    parts: Parts, tight: Tight
) -> None:
    tight.bytes_left = 10**9
    put(parts, "rostock", "bauamt", *flood(120))
    parts.intake.scan()
    parts.intake.step()
    tight.bytes_left = 0
    assert parts.intake.step() is None
    assert not parts.intake.busy
    assert len(list((parts.config.folder_of("rostock", "bauamt") / "in").iterdir())) == 70
    tight.bytes_left = 10**9
    work_off(parts)
    assert len(taken(parts)) == 120


def test_a_dead_hub_s_claims_wait_for_room(parts: Parts, tight: Tight) -> None:
    spool = parts.spools["rostock", "bauamt"]
    put(parts, "rostock", "bauamt", drop(stem="one"))
    claim = spool.claim(b"one.xml")
    assert isinstance(claim, Claim)
    parts.intake.recover(spool, [claim])
    work_off(parts)
    assert (taken(parts), parts.intake.failed) == ([], True)
    tight.bytes_left = 10**9
    work_off(parts)
    assert taken(parts) == ["rostock/bauamt"]


def test_a_drop_for_which_the_vault_has_no_room_is_not_begun_and_smaller_ones_pass(
    parts: Parts, tight: Tight
) -> None:
    tight.bytes_left = 10 * 1024**2
    (large,) = heavy(1, 11 * 1024**2)
    put(parts, "rostock", "bauamt", large, drop(), drop())
    segments = set(parts.config.vault.path.rglob("*.seg"))
    work_off(parts)
    assert len(taken(parts)) == 2
    assert parts.intake.failed
    grown = [path for path in parts.config.vault.path.rglob("*.seg") if path not in segments]
    assert sum(path.stat().st_size for path in grown) < 10**6
    tight.bytes_left = 12 * 1024**2
    work_off(parts)
    assert len(taken(parts)) == 3


def test_an_authority_many_of_whose_drops_wait_for_room_hands_in_no_more_and_others_do(
    parts: Parts, tight: Tight
) -> None:
    tight.bytes_left = 9 * 1024**2
    many = [replace(one, files={}) for one in heavy(60, 10 * 1024**2)]
    put(parts, "rostock", "bauamt", *many)
    work_off(parts)
    put(parts, "wismar", "meldeamt", drop())
    work_off(parts)
    assert taken(parts) == ["wismar/meldeamt"]
    assert len(list((parts.config.folder_of("rostock", "bauamt") / "in").iterdir())) == 10


def test_a_drop_that_announces_more_than_is_allowed_is_refused_not_kept_for_room(
    parts: Parts, tight: Tight
) -> None:
    tight.bytes_left = 10 * 1024**2
    one = drop(stem="liar")
    size = f'size="{len(next(iter(one.files.values())))}"'.encode()
    lie = one.envelope.replace(size, b'size="3221225472"')
    assert lie != one.envelope
    put(parts, "rostock", "bauamt", replace(one, envelope=lie))
    work_off(parts)
    with parts.journal.read() as connection:
        (row,) = connection.exec_driver_sql('SELECT kind, refusal FROM "drop"')
    assert (row.kind, row.refusal) == ("refused", "LimitExceeded")
