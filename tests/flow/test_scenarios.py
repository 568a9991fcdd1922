"""An account at BundID was deleted, and the notice goes by post: real processes, TLS, the kill."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.flow.federal import DELETED, HIGH, Federal, final, hub_with
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import PDF, drop
from tests.flow.posting import LINES, TABLES, with_relay
from tests.flow.world import World, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federal]:
    federal = Federal(folder=tmp_path_factory.mktemp("federal")).start()
    yield federal
    federal.kill()


@pytest.fixture
def world(sandbox: Federal, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = hub_with(tmp_path_factory.mktemp("post") / "hub", {"bundid": sandbox.tables()["bundid"]})
    with (made.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(TABLES)
    return made


def test_a_deleted_account_ends_at_the_post(sandbox: Federal, world: World) -> None:
    service = with_relay(world)
    gone = drop(scheme="bundid", account=DELETED, lines=LINES)
    there = drop(scheme="bundid", account=HIGH, lines=LINES)
    world.put(gone, there)
    with world.service() as hub:
        until(lambda: "POSTED" in world.outcomes(gone.stem), "the job")
        (key,) = service.deposited
        service.tell(key, "posted")
        until(lambda: len(world.outcomes(gone.stem)) == 3, "the print service's word")
        hub.wait_for(f"final {there.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert world.outcomes(gone.stem) == ["FAILED", "POSTED", "POSTED_ON"]
    assert world.outcomes(there.stem) == ["DEPOSITED"]
    assert key == delivery_key(gone.message_id)
    assert service.documents(key) == [hashlib.sha256(PDF).hexdigest()]
    arrived = [each["request"] for each in sandbox.arrived()]
    assert delivery_key(gone.message_id) not in arrived
    mine = [delivery_key(there.message_id)]
    assert unbalanced(world, 2, elsewhere=[one for one in arrived if one in mine]) == []


def test_a_service_that_is_away_for_good_ends_at_the_post(sandbox: Federal, world: World) -> None:
    service = with_relay(world)
    world.configure('give_up = "1d"', 'give_up = "2s"')
    sandbox.kill()
    try:
        made = drop(scheme="bundid", account=HIGH, lines=LINES)
        world.put(made)
        final(world, made.stem)
        until(lambda: world.once() is not None and bool(service.deposited), "the job")
    finally:
        sandbox.start()
    assert world.outcomes(made.stem) == ["ACCEPTED", "FAILED", "POSTED"]
    assert unbalanced(world, 1, elsewhere=[]) == []
