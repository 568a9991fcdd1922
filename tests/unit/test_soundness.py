"""Which rows are not as the hub writes them, and what becomes of them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.damage import Damage
from hub.errors import JournalInvalid
from hub.journal import aside, circuits, pauses, recovery, soundness
from hub.journal.tables import notice
from hub.model import State
from postfach_mailbox import Repeat
from tests.unit.dispatching import DEPOSITED, Ground, Worker, capabilities
from tests.unit.notices import TurnedClock
from tests.unit.striking import change


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


def begin(ground: Ground) -> Damage:
    made = Damage(journal=ground.journal, clock=ground.clock)
    made.begin()
    return made


def found(ground: Ground) -> list[str]:
    with ground.journal.read() as connection:
        return soundness.of_notice(connection, 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("case_reference", "'Az. 7\u00a0/\u00ad26, Grün'"),
        ("case_reference", "NULL"),
        ("due_at", "'2026-12-31T23:59:59.999999Z'"),
        ("state", "'IN_DOUBT'"),
    ],
)
def test_what_the_hub_may_write_is_sound(ground: Ground, column: str, value: str) -> None:
    ground.take()
    change(ground, f"UPDATE notice SET {column} = {value}")  # noqa: S608  # ours
    assert found(ground) == []


def test_the_words_of_a_mailbox_are_sound_whatever_they_are(ground: Ground) -> None:
    ground.take()
    Worker.make(ground, capabilities(Repeat.NEITHER)).lease()
    said = "'a' || char(0) || char(1) || 'b'"
    change(ground, f"UPDATE attempt SET mailbox_code = {said}, reference = {said}")  # noqa: S608  # ours
    assert found(ground) == []
    change(ground, "UPDATE attempt SET reference = CAST(x'61ff62' AS TEXT)")
    assert found(ground) == ["attempt.reference"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("case_reference", "CAST(x'61ff62' AS TEXT)"),
        ("case_reference", "'a' || char(0) || 'b'"),
        ("address", "x'6162'"),
        ("due_at", "'2026-02-30T00:00:00.000000Z'"),
        ("due_at", "'2026-02-03 00:00:00'"),
        ("due_at", "NULL"),
        ("fence", "-1"),
        ("open", "0"),
        ("open", "2"),
        ("state", "'SEALED '"),
        ("lease_owner", "'w1'"),
        ("follows", "77"),
    ],
)
def test_what_it_never_writes_is_held_at_the_next_start(
    ground: Ground, column: str, value: str
) -> None:
    ground.take(1)
    ground.take(2)
    change(ground, f"UPDATE notice SET {column} = {value} WHERE id = 1")  # noqa: S608  # ours
    assert found(ground) != []
    begin(ground).step()  # what does not count as open is found in the round
    row = ground.row(1)
    before = "IN_DOUBT" if column == "state" else "SEALED"  # nobody knows what it was
    assert (row.state, row.held_from, row.held_reason) == ("HELD", before, "damaged")
    assert ground.row(2).state == "SEALED"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stem", "'../in/a'"),
        ("stem", "CAST(x'61ff62' AS TEXT)"),
        ("stem", "'a' || char(0) || 'b'"),
        ("tenant", "x'6162'"),
        ("notice_id", "NULL"),
        ("notice_id", "77"),
        ("at", "'soon'"),
    ],
)
def test_a_notice_whose_drop_is_damaged_is_held(ground: Ground, column: str, value: str) -> None:
    ground.take(1)
    ground.take(2)
    change(ground, f'UPDATE OR IGNORE "drop" SET "{column}" = {value} WHERE notice_id = 1')  # noqa: S608  # ours
    begin(ground)
    assert (ground.row(1).state, ground.row(1).held_reason) == ("HELD", "damaged")
    assert ground.row(2).state == "SEALED"


def test_a_damaged_notice_goes_back_to_doubt_where_an_attempt_may_have_left_it(
    ground: Ground,
) -> None:
    ground.take()
    Worker.make(ground, capabilities(Repeat.NEITHER)).lease()
    change(ground, "UPDATE notice SET state = 'garbage'")
    begin(ground)
    assert (ground.row().state, ground.row().held_from) == ("HELD", "IN_DOUBT")
    assert [one.outcome for one in ground.tries()] == ["UNKNOWN"]


def test_a_doubt_is_kept_also_where_the_state_seems_whole(ground: Ground) -> None:
    ground.take()
    Worker.make(ground, capabilities(Repeat.NEITHER)).lease()
    change(ground, "UPDATE notice SET due_at = 'no time'")
    begin(ground)
    assert (ground.row().state, ground.row().held_from) == ("HELD", "IN_DOUBT")


def test_who_works_on_a_damaged_notice_writes_nothing_more_of_it(ground: Ground) -> None:
    ground.take()
    worker = Worker.make(ground, capabilities(Repeat.NEITHER))
    worker.lease()
    change(ground, "UPDATE notice SET case_reference = CAST(x'61ff62' AS TEXT)")
    begin(ground)
    worker.answer(DEPOSITED)
    assert (ground.row().state, ground.receipts()) == ("HELD", [])
    assert len(ground.late()) == 1


def test_who_is_about_to_work_on_a_damaged_notice_does_not(ground: Ground) -> None:
    fence = ground.row(ground.take(state="ACCEPTED")).fence
    change(ground, "UPDATE notice SET case_reference = CAST(x'61ff62' AS TEXT)")
    begin(ground)
    with ground.journal.write() as tx:
        recovery.seal(tx, 1, fence)
    assert ground.row().state == "HELD"


def test_a_row_of_no_notice_stops_neither_the_start_nor_the_round(ground: Ground) -> None:
    ground.take()
    change(ground, "UPDATE payload SET notice_id = 77 WHERE item = 'sealed'")
    made = begin(ground)
    made.step()
    assert ground.row().state == "SEALED"  # it is held once it is looked at, to be sent


def test_what_was_known_of_a_mailbox_is_learnt_anew_before_anything_is_sent(
    ground: Ground,
) -> None:
    ground.take()
    Worker.make(ground, capabilities(Repeat.NEITHER))
    change(ground, "UPDATE mailbox SET told_at = 'no time'")
    begin(ground)
    with ground.journal.read() as connection:
        found = circuits.read(connection)["archive"]
    assert (found.is_open, found.reason, found.capabilities) == (True, aside.DAMAGED, None)


def test_a_damaged_pause_stands(ground: Ground) -> None:
    with ground.journal.write() as tx:
        pauses.begin(tx, pauses.TENANT, "rostock", ground.clock.now())
    change(ground, "UPDATE pause SET since = 'no time'")
    begin(ground)
    with ground.journal.read() as connection:
        assert pauses.names(connection).tenants == {"rostock"}


def test_a_pause_whose_row_is_damaged_under_the_hub_can_be_ended(ground: Ground) -> None:
    ground.take()
    with ground.journal.write() as tx:
        for name in ("archive", "citizens"):
            pauses.begin(tx, "mailbox", name, ground.clock.now())
    change(ground, "UPDATE pause SET since = 'soon'")
    before = ground.row().deadline
    ground.clock.turn(60)
    with ground.journal.write() as tx:
        assert pauses.end(tx, "mailbox", "archive", ground.clock.now()) == 1
    assert ground.row().deadline - before == timedelta(seconds=60)  # all of its time


@pytest.mark.parametrize(
    ("change_to", "left"),
    [
        ("cursor = x'ff00'", [("archive", None, 0)]),
        ("failures = 'many'", [("archive", None, 0)]),
        ("collected_at = 'soon'", [("archive", None, 0)]),
        ("mailbox = CAST(x'61ff' AS TEXT)", []),
        ("cursor = 'page 3'", [("archive", "page 3", 2)]),  # this may be so
    ],
)
def test_where_the_place_of_a_return_channel_is_damaged_all_is_asked_for_again(
    ground: Ground, change_to: str, left: list[tuple[str, str | None, int]]
) -> None:
    change(
        ground,
        "INSERT INTO return_channel (mailbox, cursor, failures) VALUES ('archive', 'page 2', 2)",
    )
    change(ground, f"UPDATE return_channel SET {change_to}")  # noqa: S608  # ours
    begin(ground)
    with ground.journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT mailbox, cursor, failures FROM return_channel")
        assert [tuple(row) for row in rows] == left


def test_an_observer_whose_place_is_damaged_is_told_from_the_beginning(ground: Ground) -> None:
    change(ground, "INSERT INTO observer (name, cursor) VALUES ('lines', 'no number')")
    begin(ground)
    with ground.journal.read() as connection:
        assert connection.exec_driver_sql("SELECT cursor FROM observer").scalar() == 0


@pytest.mark.parametrize(
    "damage",
    [
        "state = 'SEALED', open = 1, due_at = NULL",
        "state = 'SEALED', due_at = accepted_at",
        "state = 'SEALED', open = 1, due_at = accepted_at",  # sound by itself
    ],
)
def test_a_final_state_is_what_the_final_receipt_tells(ground: Ground, damage: str) -> None:
    ground.take()
    worker = Worker.make(ground, capabilities(Repeat.NEITHER))
    worker.work(DEPOSITED)
    change(ground, f"UPDATE notice SET {damage}")  # noqa: S608  # ours
    begin(ground).step()  # what does not count as open is found in the round
    assert (State(ground.row().state), ground.row().open) == (State.DEPOSITED, False)
    assert worker.lease() == []


def test_a_damaged_last_link_of_the_evidence_log_ends_the_start(ground: Ground) -> None:
    ground.take()
    with ground.journal.write() as tx:
        tx.note(1, "notice.taken", ground.clock.now(), message_id="urn:1")
    change(ground, "UPDATE chain SET value = 'no link'")
    with pytest.raises(JournalInvalid, match="last link"):
        begin(ground)


def test_every_column_has_its_rule(ground: Ground) -> None:
    with ground.journal.read() as connection:
        for table in soundness.ALL:
            assert list(soundness.unsound(connection, table)) == []
    assert notice in soundness.ALL
