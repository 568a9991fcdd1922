"""Rows that are not as the hub writes them: a disk, or a hand, has changed them.

A row is sound when each value has its column's type, a time is a time, a word is one of those that
the hub writes, and what belongs together is together. Values that are sound and not true are found
where they are used: `hub.parcel.vouch`. Generated from `hub.journal.tables`.
"""

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hub.journal.tables import (
    attempt,
    drop,
    handout,
    late,
    mailbox,
    notice,
    observer,
    pause,
    payload,
    receipt,
    return_channel,
    returned,
    returned_file,
    worker,
)
from hub.journal.utctime import UtcTime
from hub.journal.values import Words
from hub.model import FINAL, Kind, State, Status
from hub.receipt import Outcome
from hub.transition import PREPARE, RECONCILE, SENT

# damage to one of its rows is damage to the notice
OF_A_NOTICE = (payload, attempt, late, receipt, drop)
OTHERS = (handout, returned, returned_file)
# a few rows, which the hub can make again
SMALL = (mailbox, pause, observer, worker, return_channel)
ALL = (notice, *OF_A_NOTICE, *OTHERS, *SMALL)

_NEVER = re.compile("[\x00-\x08]")  # in no text that came by XML or hub.toml
# a mailbox's own words: any text
_ANY = {
    ("attempt", "mailbox_code"),
    ("attempt", "reference"),
    ("returned", "item"),
    ("return_channel", "cursor"),
}
_DAY, _CLOCK = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]", "T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]."
_TIME = f"{_DAY}{_CLOCK}{'[0-9]' * 6}Z"
_TIME_WRONG = (
    "(typeof({c}) <> 'text' OR {c} NOT GLOB '" + _TIME + "' OR {c} < '0001'"
    " OR substr({c}, 12, 2) > '23'"
    " OR date(substr({c}, 1, 10), '+0 days') IS NOT substr({c}, 1, 10))"
)
# by the names of SQLAlchemy's types; {c} is the column
_TYPES = {
    "Integer": "(typeof({c}) <> 'integer' OR {c} < 0)",
    "Boolean": "({c} NOT IN (0, 1))",
    "Float": "(typeof({c}) NOT IN ('real', 'integer'))",
    "Blob": "(typeof({c}) <> 'blob')",
    "Words": "(typeof({c}) <> 'text')",
}


def _words(words: Iterable[str]) -> str:
    return "{c} NOT IN (" + ", ".join(f"'{word}'" for word in words) + ")"


_finals = ", ".join(f"'{state}'" for state in sorted(FINAL))
_told_finals = ", ".join(f"'{one}'" for one in Outcome if one.final)
_body = "CAST(entry.body AS TEXT)"
_as_in_body = f"CASE json_valid({_body}) WHEN 1 THEN {{c}} IS NOT json_extract({_body}, '$.%s') END"
_told = f"json_extract({_body}, '$.subject.message_id')"
# What came back has a MessageID of its own. Not where it is the notice's that is damaged.
_another = (
    "CASE WHEN entry.kind GLOB 'returned.*' OR entry.kind GLOB 'reply.*' THEN 0"
    " WHEN json_valid({body}) THEN"
    " CASE WHEN {told} <> (SELECT message_id FROM notice WHERE notice.id = {c})"
    " THEN EXISTS (SELECT 1 FROM notice WHERE message_key = lower({told})) END END"
)
_another = _another.replace("{told}", _told).replace("{body}", _body)
_no_name = "{c} NOT GLOB '[A-Za-z0-9]*' OR {c} GLOB '*[^A-Za-z0-9._-]*'"  # of a file
_no_notice = "NOT EXISTS (SELECT 1 FROM notice WHERE notice.id = {c})"
# table, column -> what is wrong beside the type
_RULES: Mapping[tuple[str, str], str] = {
    ("notice", "state"): _words(State),
    ("notice", "held_from"): _words(set(State) - FINAL - {State.HELD}),
    ("notice", "kind"): _words((Kind.NOTICE, Kind.STATUS)),
    ("notice", "status"): _words(Status),
    # receipts say it, and nothing else vouches for it
    ("notice", "scheme"): (
        "length({c}) NOT BETWEEN 1 AND 64 OR {c} NOT GLOB '[A-Za-z0-9]*'"
        " OR {c} GLOB '*[^A-Za-z0-9._-]*'"
    ),
    ("notice", "settled_as"): _words(("deposited", "failed")),
    ("notice", "follows"): "NOT EXISTS (SELECT 1 FROM notice AS o WHERE o.id = {c})",
    ("payload", "notice_id"): _no_notice,
    ("payload", "item"): _words(("document", "content", "sealed", "prepared")),
    ("attempt", "notice_id"): _no_notice,
    ("attempt", "operation"): _words((*SENT, RECONCILE, PREPARE)),
    ("late", "notice_id"): _no_notice,
    ("late", "attempt_id"): "NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.id = {c})",
    ("receipt", "notice_id"): _no_notice,
    ("receipt", "outcome"): _words(Outcome),
    ("handout", "receipt"): "NOT EXISTS (SELECT 1 FROM receipt WHERE receipt.id = {c})",
    ("drop", "kind"): _words(("taken", "repeated", "refused", "stuck")),
    ("drop", "notice_id"): _no_notice,
    ("drop", "stem"): _no_name,
    ("returned", "notice_id"): _no_notice,
    ("returned_file", "returned"): "NOT EXISTS (SELECT 1 FROM returned WHERE returned.id = {c})",
    ("returned_file", "stem"): _no_name,
    ("returned_file", "suffix"): "{c} <> 'reply.xml' AND {c} NOT GLOB 'document-[0-9][0-9]*'"
    " OR {c} GLOB 'document-*[^0-9]*'",
    ("returned_file", "sha256"): "length({c}) <> 64 OR {c} GLOB '*[^0-9a-f]*'",
    ("pause", "kind"): _words(("tenant", "mailbox")),
    ("entry", "notice_id"): f"{_no_notice} OR {_another}",
    ("entry", "kind"): _as_in_body % "kind",
    ("entry", "at"): _as_in_body % "at",
}
# table, column -> what is wrong with what belongs together, where the column alone is not
_TOGETHER: Mapping[tuple[str, str], str] = {
    ("notice", "state"): "open AND EXISTS (SELECT 1 FROM receipt AS r"
    " WHERE r.notice_id = notice.id AND r.final = 1)",
    ("notice", "claim"): "follows IS NULL AND"
    ' NOT EXISTS (SELECT 1 FROM "drop" AS d WHERE d.notice_id = notice.id)',
    ("notice", "open"): f"open IS NOT (state NOT IN ({_finals}))",
    ("notice", "final_at"): "NOT open AND final_at IS NULL",
    ("notice", "held_from"): "(state = 'HELD') IS NOT (held_from IS NOT NULL)",
    ("notice", "held_at"): "state = 'HELD' AND held_at IS NULL",
    ("notice", "due_at"): "state IN ('SEALED', 'DEFERRED') AND due_at IS NULL",
    ("notice", "lease_end"): "lease_owner IS NOT NULL AND lease_end IS NULL",
    ("notice", "lease_boot"): "lease_owner IS NOT NULL AND lease_boot IS NULL",
    ("notice", "key_wrapped"): "open AND key_wrapped IS NULL",
    ("attempt", "outcome"): "(ended_at IS NULL) IS NOT (outcome IS NULL)",
    ("receipt", "final"): (f"final IS NOT (notice_id IS NOT NULL AND outcome IN ({_told_finals}))"),
    ("returned", "key_wrapped"): "erased_at IS NULL AND key_wrapped IS NULL",
    # a file has a whole name, or none
    **{
        ("returned_file", column): f"(tenant IS NULL) IS NOT ({column} IS NULL)"
        for column in ("procedure", "stem", "nn")
    },
    ("entry", "notice_id"): "kind IN ('notice.taken', 'attempt.ended') AND notice_id IS NULL",
    ("mailbox", "opened_at"): "circuit_open AND opened_at IS NULL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsound:
    """A row that is not as the hub writes it: its number in its table, and which columns.

    whose: the notice that it belongs to, where that is known
    """

    table: str
    row: int
    columns: tuple[str, ...]
    whose: int | None = None


def unsound(
    connection: sa.Connection,
    table: sa.Table,
    *,
    after: int = 0,
    up_to: int | None = None,
    only_open: bool = False,
    notice_id: int | None = None,
) -> Iterator[Unsound]:
    """Give the rows of a table that are not sound, by their numbers.

    after, up_to: only rows with numbers between
    only_open: only rows of notices that are not final; notice_id: only those of this one
    """
    wrong, named, texts = _forms(table)
    own = "notice.id" if table is notice else f'"{table.name}".notice_id'
    place, given = [f"{_rowid(table)} > :after"], {"after": after}
    if up_to is not None:
        place, given = [*place, f"{_rowid(table)} <= :up_to"], given | {"up_to": up_to}
    elif only_open:  # literally, so that an index is used
        whole = f"{own} IN (SELECT id FROM notice WHERE open = 1)"  # noqa: S608  # of tables.py
        place, given = ["open = 1" if table is notice else whole], {}
    elif notice_id is not None:
        place, given = [f"{own} = :whose"], {"whose": notice_id}
    whose = own if "notice_id" in table.c or table is notice else "NULL"
    rows = connection.execute(
        sa.text(
            f"SELECT {_rowid(table)}, {whose}, {', '.join((*wrong, *texts))}"  # noqa: S608  # of tables.py
            f' FROM "{table.name}" WHERE {" AND ".join(place)}'
            f" AND ({' OR '.join([*wrong, *(f'{one} IS NOT NULL' for one in texts)])})"
        ),
        given,
    )
    for number, of, *found in rows:
        columns = {name for name, one in zip(named, found, strict=False) if one}
        columns |= _no_texts(table, found[len(wrong) :])
        if columns:
            known, ordered = of if isinstance(of, int) else None, tuple(sorted(columns))
            yield Unsound(table=table.name, row=number, columns=ordered, whose=known)


def of_notice(connection: sa.Connection, notice_id: int) -> list[str]:
    """Return what of a notice is not sound, as `table.column`; nothing if all is well."""
    return [
        f"{one.table}.{column}"
        for table in (notice, *OF_A_NOTICE)
        for one in unsound(connection, table, notice_id=notice_id)
        for column in one.columns
    ]


def of_reply(connection: sa.Connection, number: int, files: Collection[int]) -> list[str]:
    """Return what of a reply is not sound, as `table.column`; nothing if all is well.

    number: its row; files: the rows of its files, at least one
    """
    return [
        f"{one.table}.{column}"
        for table, rows in ((returned, (number,)), (returned_file, files))
        for one in unsound(connection, table, after=min(rows) - 1, up_to=max(rows))
        if one.row in rows
        for column in one.columns
    ]


def last_row(connection: sa.Connection, table: sa.Table) -> int:
    """Return the highest number of a table's rows, 0 for none."""
    found = connection.scalar(sa.text(f'SELECT max({_rowid(table)}) FROM "{table.name}"'))  # noqa: S608  # of tables.py
    return int(found or 0)


@functools.cache
def _forms(table: sa.Table) -> tuple[list[str], list[str], list[str]]:
    """Return expressions that are true of wrong values, their columns, and texts to be decoded."""
    wrong, named = [], []
    for column in table.c:
        at = f'"{table.name}"."{column.name}"'
        kind = type(column.type).__name__
        bad = _TIME_WRONG if isinstance(column.type, UtcTime) else _TYPES[kind]
        if rule := _RULES.get((table.name, column.name)):
            bad = f"({bad} OR {rule})"
        bad = bad.replace("{c}", at)
        said = f"({at} IS NULL OR {bad})"
        if column.nullable and not column.primary_key:
            said = f"({at} IS NOT NULL AND {bad})"
        if more := _TOGETHER.get((table.name, column.name)):
            said = f"({said} OR ({more}))"
        wrong.append(said)
        named.append(column.name)
    texts = [
        # GLOB sees nothing behind a null byte
        f"""CASE WHEN "{name}" GLOB '*[^ -~]*' OR instr("{name}", char(0))
            THEN CAST("{name}" AS BLOB) END"""
        for name in _texts(table)
    ]
    return wrong, named, texts


@functools.cache
def _texts(table: sa.Table) -> list[str]:
    return [one.name for one in table.c if isinstance(one.type, Words)]


def _rowid(table: sa.Table) -> str:
    return f'"{table.name}".rowid'


def _no_texts(table: sa.Table, values: Sequence[bytes | None]) -> set[str]:
    """Return the columns whose values are no text as the hub writes it."""
    return {
        name
        for name, value in zip(_texts(table), values, strict=False)
        if value is not None and not _is_text(value, any_text=(table.name, name) in _ANY)
    }


def _is_text(value: bytes, *, any_text: bool) -> bool:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return False
    return any_text or not _NEVER.search(text)
