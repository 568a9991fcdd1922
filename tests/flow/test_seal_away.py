"""While the seal cannot be used, notices are taken and wait; nothing is written unsealed."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import certificates
from tests.flow.inventory import unbalanced
from tests.flow.papers import Drop, drop
from tests.flow.world import World

pytestmark = pytest.mark.slow
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def seal_with(world: World, authority: certificates.Identity, *, last: datetime) -> None:
    """Give the hub a key and certificate that is valid until `last`."""
    identity = certificates.issue("hub", authority, commits=True, first=NOW - 30 * DAY, last=last)
    certificates.write_pem(world.folder / "keys" / "seal.pem", identity)
    (world.folder / "keys" / "ca.pem").write_bytes(authority.pem())


def test_a_notice_is_sealed_and_deposited_when_the_seal_is_back(world: World) -> None:
    authority = certificates.authority()
    world.configure('key = "file:keys/seal.p12"', 'key = "file:keys/seal.pem"')
    world.configure('password_file = "keys/seal.pass"', "")
    seal_with(world, authority, last=NOW - DAY)
    good = drop(stem="good")
    bad = Drop(stem="bad", envelope=b"<no")
    world.put(good, bad)
    for _ in range(4):  # waiting is no crash: it is not refused for it
        world.once(code=75)  # the refusal cannot be sealed, so that drop stays claimed
    assert [row["state"] for row in world.rows("SELECT state FROM notice")] == ["ACCEPTED"]
    assert world.receipts() == {}
    assert world.letters() == []
    seal_with(world, authority, last=NOW + 300 * DAY)
    world.once()
    assert world.outcomes("good") == ["DEPOSITED"]
    assert world.outcomes("bad") == ["REJECTED"]
    assert unbalanced(world, 2) == []
