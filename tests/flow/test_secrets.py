"""What a notice says is nowhere in clear but where a mailbox or procedure needs it."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import Drop, Paper, drop
from tests.flow.world import World

pytestmark = pytest.mark.slow

CANARIES = {
    "document": "canary-a41e0d5f",
    "data": "canary-b7c22f90",
    "subject": "canary-c93d8e17",
    "text": "canary-d05b6a34",
    "filename": "canary-e8f14c62",
}


def forms(canary: str) -> Iterator[bytes]:
    """Return the ways in which a text may stand in a file: plain, UTF-16, hex, base64."""
    plain = canary.encode()
    yield from (plain, canary.encode("utf-16-le"), plain.hex().encode())
    for shift in range(3):  # where base64 does not begin at the canary's own first byte
        whole = base64.b64encode(b"\0" * shift + plain)
        yield whole[4 if shift else 0 : len(whole) - 4]


def notice() -> Drop:
    papers = (
        Paper(data=b"%PDF-1.4\n" + CANARIES["document"].encode() * 2000),
        Paper(
            data=b"%PDF-1.4\n" + CANARIES["data"].encode() * 20,
            filename=f"{CANARIES['filename']}.pdf",
            inline=True,
        ),
    )
    return drop(*papers, stem="one", subject=CANARIES["subject"], text=CANARIES["text"])


def found(places: list[Path]) -> list[str]:
    """Return where a canary stands in a file or in its name."""
    hits = []
    for path in places:
        data = path.read_bytes() + os.fsencode(path.name)
        for name, canary in CANARIES.items():
            hits += [f"{name} in {path}" for form in forms(canary) if form in data]
    return hits


def files(*roots: Path) -> list[Path]:
    return [path for root in roots for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the hub put temporary files where the test can look."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    return folder


def test_a_search_for_canaries_finds_them_where_they_are(world: World) -> None:
    world.put(notice())
    kinds = {hit.partition(" ")[0] for hit in found(files(world.procedure / "in"))}
    assert kinds == set(CANARIES)


def test_a_notice_that_waits_is_nowhere_in_clear(world: World, temporary: Path) -> None:
    world.mark("citizens", there=False)
    one = notice()
    world.put(one)
    with world.service() as hub:
        hub.wait_for("receipt rostock/bauamt/out/one.01.accepted.xml")
        places = files(world.folder, temporary)  # as it runs: the WAL is there
        assert {"hub.db", "hub.db-wal", "hub.db-shm", "log"} <= {path.name for path in places}
        assert any(path.suffix == ".seg" for path in places)
        assert found(places) == []
        world.mark("citizens", there=True)
        hub.wait_for(f"final {one.message_id} DEPOSITED")
        said = "".join(hub.said)
        assert hub.stop() == 0
    mailboxes = world.folder / "var" / "mailboxes"
    places = [path for path in files(world.folder, temporary) if mailboxes not in path.parents]
    assert found(places) == []
    assert not any(canary in said for canary in CANARIES.values())
    assert len(found(files(mailboxes))) > 0


def test_a_refused_notice_shows_in_rejected_alone(world: World, temporary: Path) -> None:
    made = notice()
    world.put(Drop(stem="one", envelope=made.envelope, files={}))
    log = world.hub("run", "--once").stderr
    rejected = world.procedure / "rejected"
    places = [path for path in files(world.folder, temporary) if rejected not in path.parents]
    assert found(places) == []
    assert not any(canary in log for canary in CANARIES.values())
    assert len(found(files(rejected))) > 0


def test_a_notice_whose_final_receipt_was_taken_is_erased_with_its_key(world: World) -> None:
    world.put(notice())
    world.once()
    (row,) = world.rows("SELECT key_wrapped FROM notice")
    key = bytes(row["key_wrapped"])
    (receipt,) = world.receipts()
    (world.procedure / "out" / receipt).unlink()
    world.hub("receipt", "confirm", "rostock/bauamt")
    world.once()
    (row,) = world.rows("SELECT key_wrapped, erased_at, state FROM notice")
    assert (row["key_wrapped"], row["state"]) == (None, "DEPOSITED")
    assert row["erased_at"]
    assert [path for path in files(world.folder) if key in path.read_bytes()] == []
    assert [path.name for path in files(world.folder / "var" / "vault")] == [".journal"]
    assert [each["bytes"] for each in world.rows("SELECT bytes FROM payload")] == [None] * 4
    assert unbalanced(world, 1) == []


def test_an_open_notice_is_never_erased(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub", payload="1s")
    world.mark("citizens", there=False)
    world.put(notice(), drop(stem="other", scheme="archive", account="registry"))
    world.once()
    (world.procedure / "out" / "one.01.accepted.xml").unlink()
    world.hub("receipt", "confirm", "rostock/bauamt")
    world.once()
    erased = world.rows("SELECT state, erased_at, key_wrapped FROM notice ORDER BY mailbox DESC")
    assert (erased[0]["state"], erased[0]["erased_at"]) == ("DEFERRED", None)
    assert erased[0]["key_wrapped"]
    assert erased[1]["erased_at"]
    world.mark("citizens", there=True)
    world.hub("retry", world.rows("SELECT message_id FROM notice WHERE state = 'DEFERRED'")[0][0])
    world.once()
    assert world.outcomes("one") == ["DEPOSITED"]
