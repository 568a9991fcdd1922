"""BundID and FIT-Connect end to end: real processes, TLS, certificates, signatures."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from hub.schemas import NAMESPACE
from tests.flow.federal import DELETED, DESTINATION, HIGH, Federal, final, pdf_of
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import PDF, Paper, drop, status_drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
APPLICATION = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"
REFERENCE = f"{{{NAMESPACE}}}Reference"
WAYS = pytest.mark.parametrize("way", ["bundid", "bridged"])
# The hub with a wall clock that is some time behind: its only reader of time is hub.clock.
EARLIER = """
from datetime import timedelta
from hub.clock import SystemClock
now = SystemClock.now
SystemClock.now = lambda clock: now(clock) - timedelta(minutes={minutes})
from hub.cli import main
main()
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federal]:
    federal = Federal(folder=tmp_path_factory.mktemp("federal")).start()
    yield federal
    federal.kill()


@pytest.fixture
def federal(sandbox: Federal) -> Federal:
    for port in (0, 1):
        sandbox.post(port, "/switch", account="*", do="good")
    return sandbox


def earlier(world: World, minutes: int) -> World:
    return replace(world, program=(sys.executable, "-c", EARLIER.format(minutes=minutes)))


@WAYS
def test_a_notice_that_a_form_makes_reaches_the_citizen(
    federal: Federal, tmp_path: Path, way: str
) -> None:
    world = federal.world(tmp_path / "hub", way)
    made = drop(
        Paper(filename="Bescheid.pdf"),
        Paper(data=b"Anlage", filename="Anlage.txt", content_type="text/plain"),
        scheme=way,
        account=HIGH,
        text="Guten Tag,\n\nIhr Bescheid <liegt> bei.",
    )
    before, known = len(federal.arrived()), federal.requests()
    world.put(made)
    final(world, made.stem)
    receipt = list(world.receipts(made.stem).values())[-1]
    assert receipt.outcome == "DEPOSITED"
    (arrival,) = federal.arrived()[before:]
    assert (arrival["mailbox"], arrival["title"]) == (HIGH, "Ihre Baugenehmigung")
    assert pdf_of(arrival) == PDF
    assert [each["filename"] for each in arrival["attachments"]] == ["Bescheid.pdf", "Anlage.txt"]
    content = json.loads((arrival["folder"] / "content.json").read_bytes())
    assert content["content"] == "<p>Guten Tag,</p><p>Ihr Bescheid &lt;liegt&gt; bei.</p>"
    mine = [key for key in federal.requests() if key not in known]
    assert mine == [delivery_key(made.message_id)]
    assert unbalanced(world, 1, elsewhere=mine) == []


@WAYS
def test_a_deleted_account_ends_in_a_receipt_that_says_deliver_by_post(
    federal: Federal, tmp_path: Path, way: str
) -> None:
    world = federal.world(tmp_path / "hub", way)
    made = drop(scheme=way, account=DELETED)
    before = federal.requests()
    world.put(made)
    final(world, made.stem)
    receipt = list(world.receipts(made.stem).values())[-1]
    assert (receipt.outcome, receipt.code) == ("FAILED", "RECIPIENT_DELETED")
    assert b"deliver by post" in receipt.data
    assert federal.requests() == before
    assert unbalanced(world, 1) == []


# Minutes ago when the hub is run: a day, with waits as the usual schedule has them at most.
AGO = (1680, 1678, 1672, 1655, 1590, 1330, 1080, 820, 500)


@pytest.mark.parametrize("way", ["bundid", pytest.param("bridged", marks=pytest.mark.long)])
def test_away_for_a_day_then_deposited_then_completed(tmp_path: Path, way: str) -> None:
    """The hub's clock goes through the day; its usual schedule says when it tries."""
    federal = Federal(folder=tmp_path / "federal").start()
    try:
        world = federal.world(tmp_path / "hub", way, wait="60,300,900,3600,14400", give_up="14d")
        federal.kill()
        made = drop(scheme=way, account=HIGH)
        world.put(made)
        for minutes in AGO:
            earlier(world, minutes).once()
        tried = world.rows("SELECT outcome FROM attempt WHERE outcome != 'PREPARED'")
        assert {row["outcome"] for row in tried} == {"DEFERRED"}
        assert len(tried) >= 4
        federal.start()
        final(world, made.stem)
        assert world.outcomes(made.stem) == ["ACCEPTED", "DEPOSITED"]
        state = status_drop("COMPLETED", 0, APPLICATION, scheme=way, account=HIGH)
        world.put(state)
        final(world, state.stem)
        assert world.outcomes(state.stem)[-1] == "STATUS_SET"
        (shown,) = federal.arrived("state")
        assert (shown["application"], shown["status"]) == (APPLICATION, "COMPLETED")
        assert unbalanced(world, 2, elsewhere=federal.requests()) == []
    finally:
        federal.kill()


def test_a_reply_comes_back_through_fit_connect(federal: Federal, tmp_path: Path) -> None:
    world = federal.world(tmp_path / "hub", "fitconnect")
    made = drop(scheme="fitconnect", account=DESTINATION, legal_basis="NONE")
    world.put(made)
    final(world, made.stem)
    assert world.outcomes(made.stem)[-1] == "DEPOSITED"
    (submission,) = [
        each["id"] for each in federal.submissions() if each["destination"] == DESTINATION
    ]
    answer = {"submission": submission, "subject": "Rückfrage", "filename": "nachweis.pdf"}
    federal.post(1, "/reply", PDF * 1000, **answer)
    with world.service() as hub:
        until(lambda: bool(list((world.procedure / "out").glob("*.reply.xml"))), "the reply")
        assert hub.stop() == 0
    (reply,) = (world.procedure / "out").glob("*.reply.xml")
    root = etree.fromstring(reply.read_bytes())
    said = {name: root.findtext(f"{{{NAMESPACE}}}{name}") for name in ("InReplyTo", "Subject")}
    assert said == {"InReplyTo": made.message_id, "Subject": "Rückfrage"}
    papers = [
        (document.get("filename"), reply.with_name(document.findtext(REFERENCE) or "").read_bytes())
        for document in root.iter(f"{{{NAMESPACE}}}Document")
    ]
    assert papers[-1] == ("nachweis.pdf", PDF * 1000)
    world.once()  # acknowledged: it does not come a second time
    assert len(list((world.procedure / "out").glob("*.reply.xml"))) == 1


@pytest.mark.parametrize("way", ["bundid", "bridged", "fitconnect"])
def test_nobody_is_asked_before_the_certificate_is_right(
    federal: Federal, tmp_path: Path, way: str
) -> None:
    """What is our own fault holds the notice; mended, it goes on by itself."""
    world = federal.world(tmp_path / "hub", way)
    wrong, right = ("stranger.p12", "authority.p12") if way != "fitconnect" else ("x", "authority")
    text = (world.folder / "hub.toml").read_text("utf-8")
    spoilt = text.replace(f"/{right}", f"/{wrong}").replace(
        "/authority.password", "/stranger.password"
    )
    if way == "fitconnect":
        spoilt = text.replace('client_id = "authority"', 'client_id = "nobody"')
    (world.folder / "hub.toml").write_text(spoilt, "utf-8")
    account = DESTINATION if way == "fitconnect" else HIGH
    made = drop(scheme=way, account=account, legal_basis="NONE")
    before = federal.requests()
    world.put(made)
    world.once()
    (row,) = world.rows("SELECT state FROM notice")
    assert row["state"] == "HELD"
    assert federal.requests() == before
    (world.folder / "hub.toml").write_text(text, "utf-8")
    final(world, made.stem)
    assert world.outcomes(made.stem)[-1] == "DEPOSITED"
