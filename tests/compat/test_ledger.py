"""A mailbox that a third party built for version 1.0 of the contract works as on its first day."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.clock import system_clock
from hub.host import Answer, Started
from hub.mailboxes import Installed
from postfach_mailbox import frames
from postfach_mailbox.frames import Inline, Operation
from postfach_mailbox.notice import AddressData, AuthorData, StatusUpdate
from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World
from tests.foreign import environment
from tests.foreign.box import Box, payload

LEDGER = Path(__file__).parent / "ledger"
BUILT = "dee422492749ae5107d36595a56104605f1022c693ef809f8d2ba35266f37a91"
NAMED = Installed(
    name="ledger",
    distribution="postfach-mailbox-ledger",
    version="1.0.0",
    entry_point="ledger",
)
KEY = "0" * 64

pytestmark = pytest.mark.slow


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def deposits(file: Path) -> list[dict[str, Any]]:
    """Return the lines of what it took; a collection that comes in between writes its own."""
    return [line for line in lines(file) if "digests" in line]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment.make(tmp_path_factory.mktemp("ledger"), LEDGER)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.lines"


@pytest.fixture
def box(python: Path, file: Path) -> Iterator[Box]:
    made = Box(python, NAMED, config={"file": str(file)})
    assert isinstance(made.start(), Started)
    yield made
    made.host.stop(0.0)


def asked(box: Box, operation: Operation, given: frames.Payload | None = None) -> Any:
    """Call an operation and return its answer."""
    end = system_clock().elapsed() + 30.0
    assert box.host.call(7, operation, given, deadline=end)
    event = box.next()
    assert isinstance(event, Answer)
    return event.outcome


def deposited(box: Box, subject: str) -> Any:
    """Deposit, let the hub keep the reference, and return the outcome."""
    assert box.deposit(subject, prepared=Inline(data=b"prepared"))
    kept = box.next()
    assert kept.reference == f"L-{KEY[:12]}"  # type: ignore[union-attr]  # else the test fails
    box.host.acknowledge_keep(1)
    answer = box.next()
    assert isinstance(answer, Answer)
    return answer.outcome


def test_it_is_the_one_that_was_built_then() -> None:
    found = sorted(path for path in LEDGER.rglob("*") if path.is_file() and path.suffix != ".pyc")
    told = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.relative_to(LEDGER)}\n"
        for path in found
    )
    assert hashlib.sha256(told.encode()).hexdigest() == BUILT


def test_it_deposits_and_says_so_later_where_it_is_slow(box: Box, file: Path) -> None:
    assert deposited(box, "quick").kind == "deposited"
    assert len(lines(file)[0]["digests"]) == 2
    assert deposited(box, "slow").kind == "pending"
    told = asked(box, Operation.RECONCILE, frames.ReconcilePayload(key=KEY))
    assert told.kind == "deposited"
    other = frames.ReconcilePayload(key="1" * 64, reference="L-1")
    assert asked(box, Operation.RECONCILE, other).kind == "absent"


def test_it_prepares_and_refuses_to(box: Box) -> None:
    notice = payload("x").notice
    made = asked(box, Operation.PREPARE, frames.PreparePayload(key="1" * 64, notice=notice))
    assert made.kind == "prepared"
    assert made.data.endswith(notice.message_id.encode())
    bare = notice.model_copy(update={"documents": ()})
    refused = asked(box, Operation.PREPARE, frames.PreparePayload(key="1" * 64, notice=bare))
    assert refused.reason.code == "CONTENT_INVALID"


def test_it_answers_all_else_that_it_promised(box: Box) -> None:
    deposited(box, "quick")
    assert asked(box, Operation.HEALTH).status == "up"
    for address, status in (("anna", "active"), ("gone", "deleted")):
        assert asked(box, Operation.ACCOUNT, frames.TextPayload(text=address)).status == status
    update = StatusUpdate(
        key=KEY,
        message_id="urn:de:xta:messageid:a:1",
        application_id="8c6f1a4e-3c55-4d53-9d3e-0d8f4a0f5b1e",
        mailbox=AddressData(id="anna"),
        author=AuthorData(identifier="1"),
        service="urn:x",
        status="COMPLETED",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    told = asked(box, Operation.SET_STATUS, frames.StatusPayload(update=update))
    assert told.kind == "deposited"
    found = asked(box, Operation.COLLECT, frames.TextPayload(text=None))
    assert [item.about for item in found.items] == [KEY]
    item = frames.TextPayload(text=found.items[0].id)
    assert asked(box, Operation.ACKNOWLEDGE, item).kind == "acknowledged"
    assert asked(box, Operation.COLLECT, frames.TextPayload(text=found.cursor)).items == ()
    given = frames.TextPayload(text=f"L-{KEY[:12]}")
    assert asked(box, Operation.WITHDRAW, given).reason.code == "OTHER"


def with_ledger(world: World, python: Path, file: Path) -> None:
    """Give a hub the ledger as its mailbox, in the plugin's own Python."""
    world.configure('mailboxes = ["archive",', 'mailboxes = ["ledger", "archive",')
    world.configure(
        "[mailboxes.archive]\n",
        f'[mailboxes.ledger]\nplugin = "ledger"\npython = "{python}"\ncall_timeout = "2s"\n'
        f'[mailboxes.ledger.config]\nfile = "{file}"\n[mailboxes.archive]\n',
    )


def test_a_hub_deposits_in_it_at_once_and_by_asking_later(
    tmp_path: Path, python: Path, file: Path
) -> None:
    world = World.make(tmp_path / "hub")
    with_ledger(world, python, file)
    quick = drop(stem="quick", scheme="ledger")
    slow = drop(stem="slow", scheme="ledger", subject="a slow one")
    world.put(quick, slow)
    with world.service() as hub:
        hub.wait_for(f"final {quick.message_id} DEPOSITED")
        hub.wait_for(f"final {slow.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert unbalanced(world, 2) == []
    assert len(deposits(file)) == 2
    rows = world.rows(
        "SELECT operation, outcome FROM attempt JOIN notice ON notice.id = attempt.notice_id"
        " WHERE message_id = ? AND operation != 'prepare' ORDER BY n",
        slow.message_id,
    )
    assert tuple(rows[0]) == ("deposit", "PENDING")
    assert tuple(rows[-1]) == ("reconcile", "DEPOSITED")


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a Python with the ledger's next version, which prepares other bytes."""
    folder = tmp_path_factory.mktemp("newer")
    copy = shutil.copytree(LEDGER, folder / "ledger")
    for path, old, new in (
        (copy / "pyproject.toml", 'version = "1.0.0"', 'version = "1.1.0"'),
        (copy / "postfach_mailbox_ledger" / "__init__.py", "os.urandom(8)", 'b"new-----"'),
    ):
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
    return environment.make(folder, copy)


def test_an_upgrade_while_a_notice_waits_sends_the_bytes_that_the_old_version_prepared(
    tmp_path: Path, python: Path, newer: Path
) -> None:
    file = tmp_path / "away" / "ledger.lines"
    world = World.make(tmp_path / "hub")
    with_ledger(world, python, file)
    before, after = drop(stem="before", scheme="ledger"), drop(stem="after", scheme="ledger")
    world.put(before)
    world.once()  # its folder is away: how the attempt ended is unknown
    (row,) = world.rows("SELECT outcome FROM attempt WHERE operation = 'deposit'")
    assert row["outcome"] == "UNKNOWN"
    world.configure(str(python), str(newer))
    file.parent.mkdir()
    world.put(after)
    with world.service() as hub:
        hub.wait_for(f"final {before.message_id} DEPOSITED")
        hub.wait_for(f"final {after.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert unbalanced(world, 2) == []
    made = {line["key"]: line["prepared"] for line in deposits(file)}
    keys = {row["message_id"]: row["delivery_key"] for row in world.rows("SELECT * FROM notice")}
    new = "bmV3LS0tLS"  # base64 of `new-----`, as far as whole characters go
    assert not made[keys[before.message_id]].startswith(new)
    assert made[keys[after.message_id]].startswith(new)
