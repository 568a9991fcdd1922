"""What the hub said became durable, held against what is there after the power came back.

accepted MESSAGE_ID      it is in the journal, and its documents lie whole in the vault
final MESSAGE_ID STATE   it has that state; deposited: its letter is there
receipt FILE             the file is there with the bytes of the journal
"""

import hashlib
from collections.abc import Iterator, Sequence

from hub import config
from hub.durable import Disk
from hub.parcel import context
from hub.vault import Damaged, Extent, Vault, load_master_key
from tests.flow.letters import jobs, torn
from tests.flow.world import World, statuses

NOTICE = "SELECT state, delivery_key, mailbox FROM notice WHERE message_id = ? AND follows IS NULL"
# The outcome that is announced, where the notice's state has another name.
STATES = {"POSTED": "FAILED", "STATUS_SET": "DEPOSITED", "STATUS_REFUSED": "FAILED"}
RECEIPT = """
    SELECT bytes FROM handout JOIN receipt ON receipt.id = handout.receipt
    WHERE printf('%s.%02d.%s.xml', handout.stem, nn, suffix) = ?
"""
VAULTED = """
    SELECT delivery_key, key_wrapped, payload.* FROM notice
    JOIN payload ON payload.notice_id = notice.id
    WHERE segment IS NOT NULL AND key_wrapped IS NOT NULL AND follows IS NULL
"""


def broken(world: World, promises: Sequence[str]) -> list[str]:
    """Return what is not as promised; before the hub is started again, for it would mend it."""
    found = [*torn(world), *_vault(world)]
    there = {path.name for path in world.letters()} | {path.stem for path in statuses(world)}
    there |= {path.name.rpartition("-")[2] for path in jobs(world)}
    for line in promises:
        kind, what, *outcome = line.split()
        if kind == "receipt":
            found += _receipt(world, what)
        elif kind in ("accepted", "final"):
            found += _notice(world, what, outcome[0] if outcome else None, there)
    return found


def _notice(world: World, message_id: str, outcome: str | None, there: set[str]) -> Iterator[str]:
    rows = world.rows(NOTICE, message_id)
    if not rows:
        yield f"lost: {message_id} was accepted"
    elif outcome is None:
        return
    elif rows[0]["state"] != STATES.get(outcome, outcome):
        yield f"lost: {message_id} was {outcome}, and is {rows[0]['state']}"
    elif outcome in ("DEPOSITED", "POSTED", "STATUS_SET") and rows[0]["delivery_key"] not in there:
        yield f"lost: {message_id} was {outcome}, and it is not there"


def _receipt(world: World, name: str) -> Iterator[str]:
    path = world.folder / "spool" / name
    rows = world.rows(RECEIPT, path.name)
    if not path.exists():
        yield f"lost: receipt {path.name} was written"
    elif not rows or rows[0]["bytes"] != path.read_bytes():
        yield f"lost: receipt {path.name} is not whole, or not in the journal"


def _vault(world: World) -> Iterator[str]:
    if not world.rows("SELECT 1 FROM sqlite_master WHERE name = 'payload'"):
        return  # the power went before the database was made
    settings = config.load(world.folder / "hub.toml", {})
    master = load_master_key(settings.vault.master_key_file)
    vault = Vault(settings.vault.path, master, Disk())
    for row in world.rows(VAULTED):
        extent = Extent(
            **{name: row[name] for name in ("segment", "offset", "length", "size", "sha256")}
        )
        try:
            key = vault.unwrap(row["key_wrapped"], row["delivery_key"].encode())
            bound = context(row["delivery_key"], row["item"], row["n"])
            with vault.read(extent, key, bound) as stream:
                whole = hashlib.sha256(stream.read()).hexdigest() == row["sha256"]
        except Damaged:
            whole = False
        if not whole:
            yield f"lost: {row['item']} {row['n']} of {row['delivery_key']} in the vault"
    vault.close()
