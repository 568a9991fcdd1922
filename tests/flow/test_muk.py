"""Mein Unternehmenskonto end to end: real processes, TLS, a gateway that deposits later."""

from collections.abc import Iterator

import pytest
from lxml import etree

from hub.schemas import NAMESPACE
from tests.flow.federal import CLOSED, COMPANY, Companies, final, hub_with, pdf_of
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import PDF, drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Companies]:
    companies = Companies(folder=tmp_path_factory.mktemp("companies")).start()
    yield companies
    companies.kill()


@pytest.fixture
def companies(sandbox: Companies) -> Companies:
    sandbox.post(0, "/switch", account="*", do="good")
    return sandbox


@pytest.fixture
def world(companies: Companies, tmp_path_factory: pytest.TempPathFactory) -> World:
    return hub_with(tmp_path_factory.mktemp("muk") / "hub", companies.tables())


def test_a_sealed_notice_reaches_a_company(companies: Companies, world: World) -> None:
    made = drop(scheme="muk", account=COMPANY)
    before = companies.requests()
    world.put(made)
    final(world, made.stem)
    assert world.outcomes(made.stem) == ["ACCEPTED", "DEPOSITED"]
    mine = [key for key in companies.requests() if key not in before]
    assert mine == [delivery_key(made.message_id)]
    arrival = companies.facts()[-1]
    assert (arrival["recipient"], arrival["subject"]) == (COMPANY, "Ihre Baugenehmigung")
    assert pdf_of(arrival) == PDF
    assert (arrival["folder"] / "file-02").read_bytes().startswith(b"<SealedNotice")
    assert unbalanced(world, 1, elsewhere=mine) == []


def test_taken_and_refused_later_fails_with_the_gateways_reason(
    companies: Companies, world: World
) -> None:
    made = drop(scheme="muk", account=CLOSED)
    before = companies.requests()
    world.put(made)
    final(world, made.stem)
    assert world.outcomes(made.stem) == ["ACCEPTED", "FAILED"]
    receipt = list(world.receipts(made.stem).values())[-1]
    assert receipt.code == "RECIPIENT_DELETED"
    assert b"ACCOUNT_DELETED" in receipt.data
    assert companies.requests() == before
    assert unbalanced(world, 1) == []


def test_a_gateway_that_lost_what_it_took_ends_unresolved_and_never_by_post(
    companies: Companies, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("muk") / "hub"
    world = hub_with(folder, companies.tables(), give_up="8s")
    companies.post(0, "/switch", account=COMPANY, do="forget", once="1")
    made = drop(scheme="muk", account=COMPANY)
    world.put(made)
    world.once()
    assert world.rows("SELECT state FROM notice")[0]["state"] == "PENDING"
    final(world, made.stem)
    assert world.outcomes(made.stem) == ["ACCEPTED", "UNRESOLVED"]
    receipt = list(world.receipts(made.stem).values())[-1]
    assert b"deliver by post" not in receipt.data
    assert unbalanced(world, 1) == []


def test_a_companys_reply_comes_back(companies: Companies, world: World) -> None:
    made = drop(scheme="muk", account=COMPANY)
    world.put(made)
    final(world, made.stem)
    order = companies.facts()[-1]["order"]
    answer = {"order": order, "subject": "Rückfrage", "text": "Anbei.", "filename": "nachweis.pdf"}
    companies.post(0, "/reply", PDF * 1000, **answer)
    with world.service() as hub:
        until(lambda: bool(list((world.procedure / "out").glob("*.reply.xml"))), "the reply")
        assert hub.stop() == 0
    world.once()  # acknowledged: it does not come a second time
    (reply,) = (world.procedure / "out").glob("*.reply.xml")
    root = etree.fromstring(reply.read_bytes())
    said = {
        name: root.findtext(f"{{{NAMESPACE}}}{name}") for name in ("InReplyTo", "Subject", "Text")
    }
    assert said == {"InReplyTo": made.message_id, "Subject": "Rückfrage", "Text": "Anbei."}
    (document,) = root.iter(f"{{{NAMESPACE}}}Document")
    name = document.findtext(f"{{{NAMESPACE}}}Reference") or ""
    assert reply.with_name(name).read_bytes() == PDF * 1000
