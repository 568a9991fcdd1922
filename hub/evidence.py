"""The evidence log: entries chained by hash, so that nobody can change the past unseen.

Every event of a notice is an entry; the entries of one journal commit are chained together by one
link. Pure: the journal keeps the bytes, this says what they are and whether they hold.

How to compute it again, with any tool that knows SHA-256 and JSON:

    entry  = {"at": TIME, "kind": KIND, "subject": {NAME: VALUE, ...}}
    digest = SHA-256 of the entry's canonical bytes, lower-case hex
    link   = {"at": TIME, "entries": [digest, ...], "number": N, "previous": LINK or null}
    LINK   = SHA-256 of the link's canonical bytes, lower-case hex

Canonical bytes are JSON in UTF-8: keys sorted, no spaces, only characters escaped that must be
(the form of RFC 8785 for the values used here: text and whole numbers). TIME is UTC with six
digits: 2026-01-31T07:05:09.000123Z. Commits are numbered 1, 2, 3, ... without gaps; `previous` is
null for the first alone. Entries stand in the order in which they were written.

Security: an entry altered, dropped, inserted, moved or dated otherwise changes a link, and with it
every later one. That the end was cut off, or all of it written anew, shows only against a link
that was published before: see `Head`. An entry holds ids and codes, never payload or names.
Source: RFC 8785 (canonical JSON); Haber and Stornetta, "How to Time-Stamp a Digital Document",
Journal of Cryptology 3, 1991.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
KIND = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
HEX = re.compile(r"[0-9a-f]{64}")
VALUE_LENGTH = 1024  # characters; an entry is a line, not a store
EXACT_INTEGER = 2**53 - 1  # the largest whole number every JSON reader keeps exactly (RFC 8785)

Value = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event: what, when, and to what it happened.

    kind: `notice.accepted`, `receipt.written`, ...: lower-case letters, digits, `.`, `_`, `-`
    at: aware; written in UTC
    subject: plain ids, codes, digests and counts by name; no payload, no names of persons
    """

    kind: str
    at: datetime
    subject: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit as it is stored: `entries` holds canonical bytes and stored digest of each."""

    number: int
    at: datetime
    entries: tuple[tuple[bytes, str], ...]
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A commit's number and link: known to be true, from a checkpoint, it pins all before it."""

    number: int
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that does not hold: in which commit, at which entry (from 0), and what."""

    commit: int
    entry: int | None
    what: str


def canonical(entry: Entry) -> bytes:
    """Return the bytes of an entry that are hashed and kept.

    Raises ValueError for what has no place in an entry: other types, long texts, naive times,
    half surrogates.
    """
    if not KIND.fullmatch(entry.kind):
        raise ValueError("kind of an evidence entry")
    for name, value in entry.subject.items():
        _check(name, value)
    return _json({"at": stamp(entry.at), "kind": entry.kind, "subject": dict(entry.subject)})


def digest(entry: Entry) -> str:
    """Return an entry's digest: SHA-256 of its canonical bytes, hex. Raises as `canonical` does."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def link(previous: str | None, number: int, digests: Sequence[str], at: datetime) -> str:
    """Return the link of commit `number`: it holds the digests of its entries and all before.

    previous: link of the commit before; None for number 1, and only there
    digests: one or more, in the order of the entries; at: aware, time of the commit
    Raises ValueError when an argument is not so.
    """
    if number < 1 or (previous is None) != (number == 1) or not digests:
        raise ValueError("number, previous link or entries of an evidence commit")
    known = digests if previous is None else (*digests, previous)
    if not all(HEX.fullmatch(value) for value in known):
        raise ValueError("digest in an evidence commit")
    return hashlib.sha256(
        _json({"at": stamp(at), "entries": list(digests), "number": number, "previous": previous})
    ).hexdigest()


def parse(data: bytes) -> Entry:
    """Return the entry whose canonical bytes are `data`. Raises ValueError if they are not."""
    try:
        fields = json.loads(data)
        at = datetime.strptime(fields["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        entry = Entry(kind=fields["kind"], at=at, subject=fields["subject"])
        again = canonical(entry)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("not an evidence entry") from None
    if again != data:
        raise ValueError("not the canonical form of an evidence entry")
    return entry


def check_chain(
    commits: Iterable[Commit], *, after: Head | None = None, end: Head | None = None
) -> Iterator[Finding]:
    """Yield everything that does not hold in commits given in the order of their numbers.

    after: the commit before the first one given; None: they start with number 1
    end: a head known to be true (checkpoint, receipt): finds a cut end and a chain written anew
    An altered commit gives findings where it is, and does not blame those after it: each is
    checked against the stored link before it. Holds one commit in memory at a time.
    """
    before, met = after, end is None
    for commit in commits:
        expected = before.number + 1 if before else 1
        if commit.number != expected:
            yield _finding(commit, f"number {expected} expected: commits are missing or moved")
        yield from _check_entries(commit)
        yield from _check_link(commit, before)
        if end is not None and commit.number == end.number:
            met = True
            if commit.link != end.link:
                yield _finding(commit, "the link is not the one known from the checkpoint")
        before = Head(number=commit.number, link=commit.link)
    if end is not None and not met:
        yield Finding(commit=end.number, entry=None, what="the commit of the checkpoint is missing")


def stamp(at: datetime) -> str:
    """Return a time as it stands in entries: UTC, six digits, Z.

    Raises ValueError for a naive time, and for one that UTC carries out of the years 1 to 9999.
    """
    if at.utcoffset() is None:
        raise ValueError("a time without zone in an evidence entry")
    try:
        return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        raise ValueError("a time out of range in an evidence entry") from None


def _check_entries(commit: Commit) -> Iterator[Finding]:
    for index, (data, stored) in enumerate(commit.entries):
        if hashlib.sha256(data).hexdigest() != stored:
            yield _finding(commit, "the entry is not what its digest says", index)
        try:
            parse(data)
        except ValueError as error:
            yield _finding(commit, str(error), index)


def _check_link(commit: Commit, before: Head | None) -> Iterator[Finding]:
    digests = [stored for _, stored in commit.entries]
    try:
        computed = link(before.link if before else None, commit.number, digests, commit.at)
    except ValueError as error:
        yield _finding(commit, f"no link can be computed: {error}")
        return
    if computed != commit.link:
        yield _finding(commit, "the link does not follow from the entries and the link before")


def _finding(commit: Commit, what: str, entry: int | None = None) -> Finding:
    return Finding(commit=commit.number, entry=entry, what=what)


def _check(name: str, value: object) -> None:
    # bool is an int in Python and `true` in JSON: another reader would see another type.
    if not NAME.fullmatch(name) or isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("name or type in the subject of an evidence entry")
    if isinstance(value, str) and len(value) > VALUE_LENGTH:
        raise ValueError("text too long in the subject of an evidence entry")
    if isinstance(value, int) and abs(value) > EXACT_INTEGER:
        raise ValueError("number too large in the subject of an evidence entry")


def _json(fields: Mapping[str, object]) -> bytes:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")  # UnicodeEncodeError, of a half surrogate, is a ValueError
