"""Each layer of refusal, and the repeats: what a drop becomes, without any process beside it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from hub import app, starter
from hub.app.parts import Parts
from hub.config import load
from hub.journal import attempts, pauses
from hub.seal import SealUnavailable
from postfach_mailbox import Capabilities
from tests.flow.papers import PDF, Drop, Paper, drop, status_drop
from tests.unit.spools import TurnedClock
from tests.unit.test_intake import ANY, Told, drops, left, work_off

APPLICATION = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"
SIGNATURE = b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></Notice>'


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    clock = TurnedClock()
    started = starter.init(tmp_path / "h", clock.now())
    with app.worker(load(started.config, {}), clock, "w1") as made:
        yield made


def put(parts: Parts, made: Drop) -> Path:
    folder = parts.config.folder_of("rostock", "bauamt")
    for name, data in made.files.items():
        (folder / "in" / name).write_bytes(data)
    (folder / "in" / f"{made.stem}.xml").write_bytes(made.envelope)
    return folder


def refusal(parts: Parts) -> str:
    with parts.journal.read() as connection:
        return str(connection.exec_driver_sql('SELECT refusal FROM "drop"').scalar_one())


def changed(made: Drop, old: bytes, new: bytes) -> Drop:
    assert old in made.envelope
    return replace(made, envelope=made.envelope.replace(old, new))


def altered(made: Drop) -> Drop:
    return replace(made, files=dict.fromkeys(made.files, PDF.swapcase()))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda made: changed(made, b">130030000000<", b">130030000001<"), "TenantViolation"),
        (lambda made: changed(made, b"</Notice>", SIGNATURE), "SignatureInvalid"),
        (lambda made: changed(made, b"Bescheid.pdf", b"Bescheid.exe"), "AttachmentRejected"),
        (altered, "AttachmentRejected"),
    ],
)
def test_what_is_not_acceptable_is_refused(
    parts: Parts, spoil: Callable[[Drop], Drop], expected: str
) -> None:
    put(parts, spoil(drop(stem="a")))
    work_off(parts)
    assert drops(parts) == [("a", "refused")]
    assert refusal(parts) == expected


def test_what_is_handed_in_again_is_a_repeat_with_or_without_its_documents(parts: Parts) -> None:
    made = drop(stem="a")
    put(parts, made)
    work_off(parts)
    folder = put(parts, replace(made, stem="b", files={}))
    work_off(parts)
    assert drops(parts) == [("a", "taken"), ("b", "repeated")]
    assert left(folder) == []


def test_the_same_drop_twice_in_one_batch_is_taken_and_repeated(parts: Parts) -> None:
    made = drop(Paper(inline=True), stem="a")
    put(parts, made)
    put(parts, replace(made, stem="b"))
    work_off(parts)
    assert drops(parts) == [("a", "taken"), ("b", "repeated")]


@pytest.mark.parametrize("together", [True, False])
def test_other_content_under_a_known_id_is_a_conflict(parts: Parts, together: bool) -> None:
    made = drop(Paper(inline=True), stem="a")
    put(parts, made)
    if not together:
        work_off(parts)
    put(parts, changed(replace(made, stem="b"), b"Ihre Baugenehmigung", b"Ihr Widerspruch"))
    work_off(parts)
    assert drops(parts) == [("a", "taken"), ("b", "refused")]
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT code FROM \"drop\" WHERE kind = 'refused'")
        assert [row.code for row in rows] == ["9024"]


@pytest.mark.parametrize(
    ("status", "minute"), [("RECEIVED", 20), ("PROCESSING", 5)], ids=["lower", "earlier"]
)
def test_the_state_of_an_application_goes_not_back(parts: Parts, status: str, minute: int) -> None:
    put(parts, replace(status_drop("PROCESSING", 10, APPLICATION), stem="a"))
    work_off(parts)
    put(parts, replace(status_drop(status, minute, APPLICATION), stem="b"))
    work_off(parts)
    assert drops(parts) == [("a", "taken"), ("b", "refused")]


class Away:
    """A seal whose key is not to be had."""

    def sign(self, document: bytes, at: datetime) -> bytes:
        raise SealUnavailable("no key", where="seal", fix="Bring it back")


def test_what_cannot_be_sealed_is_taken_and_waits_for_its_seal(parts: Parts) -> None:
    preparer, away = parts.intake.taker.preparer, Away()
    issuer = replace(preparer.issuer, seal=away)  # type: ignore[arg-type]  # all that is asked of it
    parts.intake.taker = replace(parts.intake.taker, preparer=replace(preparer, issuer=issuer))
    put(parts, drop(stem="a"))
    work_off(parts)
    with parts.journal.read() as connection:
        assert attempts.row(connection, 1).state == "ACCEPTED"


@pytest.mark.parametrize("pause", [None, ("tenant", "rostock"), ("mailbox", "citizens")])
def test_no_first_attempt_begins_in_a_pause(parts: Parts, pause: tuple[str, str] | None) -> None:
    good, taker = parts.intake.taker.layers, parts.intake.taker
    layers = Told(
        config=good.config,
        limits=good.limits,
        clock=good.clock,
        explain=good.explain,
        capabilities=Capabilities.model_validate(ANY),
    )
    committer = replace(taker.committer, places=lambda _name: 3)
    parts.intake.taker = replace(taker, layers=layers, committer=committer)
    if pause is not None:
        with parts.journal.write() as tx:
            pauses.begin(tx, *pause, parts.clock.now())
    put(parts, drop(stem="a"))
    parts.intake.scan()
    parts.intake.step()
    with parts.journal.read() as connection:
        assert len(attempts.history(connection, [1]).get(1, [])) == int(pause is None)


@pytest.mark.parametrize("name", ["two words.xml", "..climbs.xml", "-option.xml", "ä.xml"])
def test_an_envelope_with_a_bad_name_is_refused(parts: Parts, name: str) -> None:
    folder, made = parts.config.folder_of("rostock", "bauamt"), drop(Paper(inline=True), stem="a")
    (folder / "in" / name).write_bytes(made.envelope)
    work_off(parts)
    ((stem, kind),) = drops(parts)
    assert kind == "refused"
    assert stem.startswith("drop-")
