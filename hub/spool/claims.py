"""What files are called: a drop in `in/` and once it is claimed, a receipt while it is written.

<id>.<tries>.<stem>.xml     a claimed envelope; `b` behind the tries: it had a bad name
<id>.<n>                    the n-th document that it references
id     = hex digits of the time, 12 of the ms since 1970, 3 of the us, and 7 random ones; never used
         again. Ids of one hub sort in the order in which it claimed, unless its clock is set back
tries  = how often the drop was in work alone when the hub died
stem   = the envelope's name without `.xml`, under which receipts are written
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from hub.clock import Clock

# The longest good name and its claim stay below the 255 bytes of a file name.
GOOD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
ID = r"[0-9a-f]{22}"
TIME, TURN = 12, 15  # digits of an id that are its time: in ms, in us
_ENVELOPE = re.compile(rf"({ID})\.([0-9]{{1,6}})(b?)\.({GOOD_NAME.pattern})\.xml")
DOCUMENT = re.compile(rf"({ID})\.([0-9]{{1,6}})")

_LAST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # a name may say any time
TEMPORARY = re.compile(r"\.[0-9]+\.[0-9a-f]{16}\.part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A drop that a worker took: its envelope lies in that worker's folder.

    tries: crashes of the hub while it worked on this drop alone, 0 or more
    bad_name: whether the drop is to be refused for its name; `stem` then stands for it
    """

    id: str
    tries: int
    stem: str
    bad_name: bool = False

    @classmethod
    def new(cls, name: bytes, clock: Clock) -> Self:
        """Return a claim for a name in `in/`; makes no file."""
        stem, now = good_stem(name), clock.now()
        ms, us = int(now.timestamp()) * 1000 + now.microsecond // 1000, now.microsecond % 1000
        return cls(
            id=f"{ms:012x}{us:03x}{secrets.randbits(28):07x}",
            tries=0,
            stem=stem or stand_in(name),
            bad_name=stem is None,
        )

    @classmethod
    def parse(cls, file: str) -> Self | None:
        """Return the claim of a claimed envelope's file name; None for any other name."""
        found = _ENVELOPE.fullmatch(file)
        if not found:
            return None
        return cls(id=found[1], tries=int(found[2]), stem=found[4], bad_name=bool(found[3]))

    @property
    def at(self) -> datetime:
        """When it was taken, by the clock of then; at most the last second that a clock shows."""
        return datetime.fromtimestamp(min(int(self.id[:TIME], 16) / 1000, _LAST), UTC)

    @property
    def turn(self) -> str:
        """What sorts claims as they were made."""
        return self.id[:TURN]

    @property
    def file(self) -> str:
        """The name of the claimed envelope."""
        return f"{self.id}.{self.tries}{'b' if self.bad_name else ''}.{self.stem}.xml"

    def document(self, n: int) -> str:
        """Return the name of the claimed document number `n`."""
        return f"{self.id}.{n}"

    def tried(self) -> Self:
        """Return this claim with one try more."""
        return replace(self, tries=self.tries + 1)

    def untried(self) -> Self:
        """Return this claim without a try."""
        return replace(self, tries=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A drop that cannot be moved out of `in/`: it stays there, and is to be refused once."""

    device: int
    inode: int
    ctime_ns: int
    stem: str

    @property
    def file(self) -> str:
        """What tells it from any other file, as the journal keeps it."""
        return f"{self.device}:{self.inode}:{self.ctime_ns}"


def good_stem(name: bytes) -> str | None:
    """Return the stem of a well named envelope, None for a bad name."""
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError:
        return None
    stem = text.removesuffix(".xml")
    return stem if stem != text and GOOD_NAME.fullmatch(text) else None


def stand_in(name: bytes) -> str:
    """Return the stem by which a badly named drop is reported."""
    return f"drop-{hashlib.sha256(name).hexdigest()[:16]}"


def temporary_name(handout: int) -> str:
    """Return a name, hidden and never used before, under which a receipt file is written."""
    return f".{handout}.{secrets.token_hex(8)}.part"
