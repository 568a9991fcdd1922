"""The balance that must hold in every world, whatever happened to it.

handed in = taken + repeated + refused; a notice is open, or has exactly one final receipt; one that
was deposited has exactly one letter, any other none; so with states of applications, which are
shown in their order; each receipt is whole, valid, sealed, and named in the evidence log, whose
chain is whole; no claim is left. Each finding begins with its class, as Jepsen names them:

lost: what was handed in or confirmed is not there, or not whole
duplicated: it is there more than once
unexpected: anything else that must not be: what nobody handed in, an order, a rest, a contradiction

`python -m tests.flow.inventory FOLDER HANDED_IN` checks a world from outside, all of it final.
"""

import hashlib
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

import sqlalchemy as sa

from hub.evidence import Commit, check_chain
from hub.journal import soundness
from postfach_mailbox_postal.kit import PrintService
from tests.flow.letters import torn
from tests.flow.receipts import FINAL, FINAL_OF_STATUS, Receipt, faults
from tests.flow.world import World, statuses

FOLDERS = ("archive", "citizens")  # mailboxes of the plugin `directory`
DROPS = "SELECT kind, count(*) AS n FROM 'drop' GROUP BY kind"
NOTICES = """
    SELECT id, message_id, state, delivery_key, mailbox, address, claim, kind, status FROM notice
    WHERE follows IS NULL
"""
JOBS = """
    SELECT job.id, job.state, notice.state AS after, notice.delivery_key,
           (SELECT group_concat(outcome) FROM receipt
            WHERE receipt.notice_id = notice.id AND suffix IN ('posted', 'post-result')) AS told
    FROM notice AS job JOIN notice ON notice.id = job.follows
"""
FILES = """
    SELECT handout.stem, printf('%s.%02d.%s.xml', handout.stem, nn, suffix) AS name,
           bytes, notice_id, final, written_at, confirmed_at
    FROM handout JOIN receipt ON receipt.id = handout.receipt
"""
FETCHED = """
    SELECT stem, message_id, printf('%s.%02d.%s.xml', stem, nn, suffix) AS name FROM handout
    JOIN receipt ON receipt.id = handout.receipt JOIN notice ON notice.id = receipt.notice_id
    WHERE final AND confirmed_at IS NOT NULL
"""
CHAIN = """
    SELECT chain.seq, chain.at, chain.value, entry.body, entry.digest
    FROM chain LEFT JOIN entry ON entry.seq = chain.seq ORDER BY chain.seq, entry.id
"""


def unbalanced(
    world: World, handed_in: int, *, final: bool = True, elsewhere: Sequence[str] | None = None
) -> list[str]:
    """Return what does not balance; nothing if all is well.

    handed_in: drops that were renamed into `in/`
    final: whether every notice must have come to its end
    elsewhere: the keys of all that lies in mailboxes that are no folders; None: not looked at
    """
    receipts = world.receipts()
    return [
        *_drops(world, handed_in),
        *_notices(world, receipts, final=final),
        *_letters(world),
        *torn(world),
        *(_elsewhere(world, elsewhere) if elsewhere is not None else ()),
        *_posted(world, final=final),
        *_statuses(world),
        *_receipts(world, receipts),
        *_evidence(world, receipts),
        *_claims(world),
        *_unsound(world),
    ]


def _unsound(world: World) -> Iterator[str]:
    engine = sa.create_engine(f"sqlite:///{world.folder / 'var' / 'hub.db'}")
    with engine.connect() as connection:
        for table in soundness.ALL:
            for one in soundness.unsound(connection, table):
                yield f"unexpected: row {one.row} of {one.table}: {one.columns}"
    engine.dispose()


def classes(findings: Iterable[str]) -> Counter[str]:
    """Count findings by class."""
    return Counter(finding.partition(": ")[0] for finding in findings)


def _off(found: int, wanted: int) -> str:
    """Return the class of a wrong number."""
    if found < wanted:
        return "lost"
    return "duplicated" if wanted else "unexpected"


def _drops(world: World, handed_in: int) -> Iterator[str]:
    kinds = {row["kind"]: row["n"] for row in world.rows(DROPS)}
    if (known := sum(kinds.values())) != handed_in:
        yield f"{_off(known, handed_in)}: {handed_in} drops handed in, the journal knows {kinds}"
    notices = world.rows("SELECT count(*) AS n FROM notice WHERE follows IS NULL")[0]["n"]
    if (taken := kinds.get("taken", 0)) != notices:
        yield f"{_off(notices, taken)}: {taken} drops taken, {notices} notices"


def _notices(world: World, receipts: dict[str, Receipt], *, final: bool) -> Iterator[str]:
    stems: dict[int, set[str]] = {}
    for row in world.rows("SELECT notice_id, stem FROM 'drop' WHERE notice_id IS NOT NULL"):
        stems.setdefault(row["notice_id"], set()).add(row["stem"])
    ends = Counter(
        (name.rpartition(".xml")[0].rsplit(".", 2)[0], receipt.message_id)
        for name, receipt in receipts.items()
        if receipt.outcome in (*FINAL, *FINAL_OF_STATUS)
    )
    fetched = [row for row in world.rows(FETCHED) if row["name"] not in receipts]
    ends.update((row["stem"], row["message_id"]) for row in fetched)
    for row in world.rows(NOTICES):
        wanted = int(row["state"] in FINAL)
        if final and not wanted:
            what = f"notice {row['id']} is still {row['state']}"
            yield f"unexpected: {what}{_tries(world, row['id'])}"
        for stem in stems.get(row["id"], set()):
            if (found := ends.pop((stem, row["message_id"]), 0)) != wanted:
                found_for = f"notice {row['id']}, {row['state']}: {found} final receipts for {stem}"
                yield f"{_off(found, wanted)}: {found_for}"
    if ends:
        yield f"unexpected: final receipts of no notice: {sorted(stem for stem, _ in ends)}"


def _tries(world: World, number: int) -> str:
    """Say when a notice is due, and what came of each attempt."""
    (row,) = world.rows("SELECT due_at, lease_owner, suspect FROM notice WHERE id = ?", number)
    tries = world.rows("SELECT * FROM attempt WHERE notice_id = ? ORDER BY n", number)
    told = [f"{one['operation']} {one['outcome']} {one['code']} {one['ended_at']}" for one in tries]
    return f", due {row['due_at']}, leased {row['lease_owner']}, {row['suspect']}; {told}"


def _letters(world: World) -> Iterator[str]:
    found = Counter((path.parts[-3], path.parts[-2], path.name) for path in world.letters())
    for row in world.rows(NOTICES):
        if row["mailbox"] not in FOLDERS or row["kind"] != "notice":
            continue
        place = (row["mailbox"], row["address"], row["delivery_key"])
        letters = sum(1 for key in found if key[2] == row["delivery_key"])
        if row["state"] == "DEPOSITED" and (letters != 1 or place not in found):
            yield f"{_off(letters, 1)}: notice {row['id']} is deposited, and has {letters} letters"
        if row["state"] == "FAILED" and letters:
            yield f"unexpected: notice {row['id']} failed, and has {letters} letters"
    keys = {row["delivery_key"] for row in world.rows(NOTICES)}
    if strange := [key for key in found if key[2] not in keys]:
        yield f"unexpected: letters of no notice: {strange}"


def _elsewhere(world: World, keys: Sequence[str]) -> Iterator[str]:
    found = Counter(keys)
    for row in world.rows(NOTICES):
        if row["mailbox"] in FOLDERS or row["kind"] != "notice":
            continue
        there = found.pop(row["delivery_key"], 0)
        wanted = {"DEPOSITED": (1,), "FAILED": (0,)}.get(row["state"], (0, 1))
        if there not in wanted:
            where = f"notice {row['id']}, {row['state']}, is {there} times in its mailbox"
            yield f"{_off(there, max(wanted))}: {where}"
    if found:
        yield f"unexpected: in mailboxes, and no notice: {sorted(found)}"


def _posted(world: World, *, final: bool) -> Iterator[str]:
    """Look at the post: a job for a failed notice, a letter for a job, a receipt for a letter."""
    service = PrintService(world.folder / "print", world.folder / "printed")
    found = Counter(service.deposited)
    for row in world.rows(JOBS):
        letters, told = found.pop(row["delivery_key"], 0), (row["told"] or "").split(",")
        if row["after"] != "FAILED":
            yield f"unexpected: post job {row['id']} follows a notice that is {row['after']}"
        if final and row["state"] not in (*FINAL, "HELD"):
            what = f"post job {row['id']} is still {row['state']}"
            yield f"unexpected: {what}{_tries(world, row['id'])}"
        if (row["state"] == "DEPOSITED") != (was_told := "POSTED" in told):
            what = f"post job {row['id']}, {row['state']}: receipts {told}"
            yield f"{_off(was_told, not was_told)}: {what}"
        wanted = {"DEPOSITED": (1,), "FAILED": (0,), "HELD": (0,), "SEALED": (0,)}
        if letters not in (fits := wanted.get(row["state"], (0, 1))):
            what = f"post job {row['id']}, {row['state']}: {letters} letters"
            yield f"{_off(letters, max(fits))}: {what}"
    if found:
        yield f"unexpected: letters of no post job: {sorted(found)}"


def _statuses(world: World) -> Iterator[str]:
    found = {path.stem: path for path in statuses(world)}
    shown: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in world.rows(NOTICES):
        path = found.pop(row["delivery_key"], None)
        here = row["mailbox"] in FOLDERS and row["kind"] == "status"
        if row["state"] == "DEPOSITED" and here and path is None:
            yield f"lost: status {row['id']} is set, and not shown"
        if row["state"] == "FAILED" and path is not None:
            yield f"unexpected: status {row['id']} is refused, and shown"
        if path is not None:
            place = (row["mailbox"], path.parent.name)
            shown.setdefault(place, []).append((path.stat().st_mtime_ns, row["id"]))
    if found:
        yield f"unexpected: states of nothing: {sorted(found)}"
    for place, states in shown.items():
        numbers = [number for _, number in sorted(states)]
        if numbers != sorted(numbers):
            yield f"unexpected: states of {place} are shown out of order: {numbers}"


def _receipts(world: World, receipts: dict[str, Receipt]) -> Iterator[str]:
    trust = world.folder / "keys" / "ca.pem"
    files = {row["name"]: row for row in world.rows(FILES)}
    for name, receipt in receipts.items():
        for fault in faults(receipt, trust):
            yield f"unexpected: {name}: {fault}"
        if name not in files:
            yield f"unexpected: {name}: the journal knows of no such file"
        elif files[name]["bytes"] != receipt.data:
            yield f"unexpected: {name}: other bytes than in the journal"
    for name, row in files.items():
        if not row["written_at"]:
            yield f"unexpected: {name}: not marked as written"
        elif name not in receipts and not row["confirmed_at"]:
            yield f"lost: {name}: not in out/"


def _evidence(world: World, receipts: dict[str, Receipt]) -> Iterator[str]:
    rows = world.rows(CHAIN)
    found = world.rows("SELECT body FROM entry WHERE kind = 'receipt.found'")
    yield from (f"unexpected: {finding}" for finding in check_chain(_commits(rows)))
    known = {row["digest"] for row in rows}
    # what a restore found in `out/` names an entry of the log that was lost
    known |= {told.get("log_entry") for told in (json.loads(row[0])["subject"] for row in found)}
    for name, receipt in receipts.items():
        if receipt.log_digest not in known:
            yield f"lost: {name}: its entry is not in the evidence log"


def _commits(rows: list[sqlite3.Row]) -> Iterator[Commit]:
    for number, group in groupby(rows, key=lambda row: int(row["seq"])):
        own = list(group)
        yield Commit(
            number=number,
            at=datetime.fromisoformat(own[0]["at"]),
            entries=tuple((row["body"], row["digest"]) for row in own if row["digest"]),
            link=own[0]["value"],
        )


def _claims(world: World) -> Iterator[str]:
    for path in (world.procedure / ".claimed").rglob("*"):
        yield f"unexpected: left in .claimed: {path.name}"
    for path in (world.procedure / "out").glob(".*.part"):
        # one that a crash left is swept when it is an hour old; it hides, and is never read
        if not path.is_file():
            yield f"unexpected: left in out/: {path.name}"


def delivery_key(message_id: str) -> str:
    """Return the key under which a notice of rostock lies in its mailbox."""
    return hashlib.sha256(f"rostock\0{message_id.lower()}".encode()).hexdigest()


if __name__ == "__main__":
    findings = unbalanced(World(folder=Path(sys.argv[1])), int(sys.argv[2]))
    sys.stdout.write("".join(f"{finding}\n" for finding in findings))
    sys.exit(1 if findings else 0)
