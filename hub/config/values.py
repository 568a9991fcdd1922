"""What a value of hub.toml may be: paths, durations, names; each error says what is allowed.

Validation context: `folder`, from which relative paths count.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from hub.config import units

NAME = r"[a-z0-9][a-z0-9-]{0,40}"
PATTERNS = {
    "name": (NAME, "small letters, digits and -, at most 41, not - at the start"),
    "issuer": (r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", "letters, digits, . and -, as a host name"),
    "author": (r"[^\s\x00-\x1f\x7f]{1,255}", 'as "ags:130030000000", without white space'),
    "entry point": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "letters, digits, ., _ and -"),
    "pin": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}==[0-9][A-Za-z0-9.+!-]{0,49}", '"name==1.0.0"'),
    "record": (r"sha256:[0-9a-f]{64}", '"sha256:" and 64 small hex digits'),
    "owner": (r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", "the name of a user of this machine"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAs:
    """A text must look as PATTERNS says of its kind; `words` say it to people."""

    kind: str

    @property
    def words(self) -> str:
        """What is allowed."""
        return PATTERNS[self.kind][1]

    def __call__(self, text: str) -> str:
        """Return the text, or raise ValueError."""
        if not re.fullmatch(PATTERNS[self.kind][0], text):
            raise ValueError(f"not written as it must be. Allowed: {self.words}")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A duration must lie between two, both allowed; `words` say it to people."""

    words: str

    def __call__(self, value: timedelta) -> timedelta:
        """Return the duration, or raise ValueError."""
        least, most = (units.duration(word) for word in self.words.split(" to "))
        if not least <= value <= most:
            raise ValueError(f"out of range. Allowed: {self.words}")
        return value


def written_as(kind: str) -> AfterValidator:
    """Return the check that a text looks as PATTERNS says of `kind`."""
    return AfterValidator(WrittenAs(kind=kind))


def within(words: str) -> AfterValidator:
    """Return the check that a duration lies within `words`, as `1s to 1h`."""
    return AfterValidator(Within(words=words))


def absolute(text: object, info: ValidationInfo) -> Path:
    """Read a path; a relative one counts from hub.toml's folder (validation context `folder`)."""
    if not isinstance(text, str) or not text or not text.isprintable():
        raise ValueError("not a path. Write a text without control characters")
    folder = Path((info.context or {}).get("folder", "."))
    # normalised, since two ways to write one folder must compare equal; links are not followed
    return Path(os.path.normpath(folder.absolute() / text))


def _refuse_yet(text: str, prefixes: tuple[str, ...]) -> None:
    if text.startswith(prefixes):
        raise ValueError("not yet built. CHANGELOG.md says what is there")


def database(text: str, info: ValidationInfo) -> str:
    """Return the database's URL with an absolute path."""
    _refuse_yet(text, ("postgresql",))
    kind, slashes, path = text.partition(":///")
    if kind != "sqlite" or not slashes or re.search(r"[?#%:]", path):
        raise ValueError('not a database. Write "sqlite:///" and a path, as "sqlite:///var/hub.db"')
    return f"sqlite:///{absolute(path, info)}"


def key(text: str, info: ValidationInfo) -> str:
    """Return the key's reference, `file:` with an absolute path."""
    _refuse_yet(text, ("pkcs11:",))
    if not text.startswith("file:"):
        raise ValueError('not a key. Write "file:" and a path, as "file:keys/seal.p12"')
    return f"file:{absolute(text.removeprefix('file:'), info)}"


def vault(text: object, info: ValidationInfo) -> Path:
    """Return the vault's folder."""
    if isinstance(text, str):
        _refuse_yet(text, ("s3:",))
    return absolute(text, info)


def plain(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a plugin's table if it travels to its process unchanged: as JSON."""
    rest: list[object] = list(table.values())
    while rest:
        value = rest.pop()
        if isinstance(value, dict | list):
            rest += value.values() if isinstance(value, dict) else value
        elif not isinstance(value, str | int) and not (
            isinstance(value, float) and math.isfinite(value)
        ):
            raise ValueError("a date, or no number, in a plugin's table. Write it as a text")
    return table


Name = Annotated[str, written_as("name")]
FilePath = Annotated[Path, BeforeValidator(absolute)]
Duration = Annotated[timedelta, BeforeValidator(units.duration)]
Size = Annotated[int, BeforeValidator(units.size), Field(gt=0)]
Rate = Annotated[units.Rate, BeforeValidator(units.rate)]
Waits = Annotated[tuple[timedelta, ...], BeforeValidator(units.waits)]
Period = Annotated[Duration, within("1s to 3660d")]
GiveUp = Annotated[Duration, within("1s to 366d")]
