"""What commands share: reading hub.toml, opening the journal, printing for people or as JSON."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.errors import UsageError

if TYPE_CHECKING:
    from hub.config import Config
    from hub.journal import Journal

NO_LOGIN = 2**32 - 1  # what the kernel says of a process that no login started

as_json = click.option("--json", "in_json", is_flag=True, help="Print JSON, keys in English.")


def load(file: Path) -> "Config":
    """Return the configuration. Raises ConfigError."""
    from hub.config import load as read

    return read(file, os.environ)


@contextmanager
def journal(config: "Config") -> Iterator["Journal"]:
    """Open the hub's journal; it must be there."""
    from hub.clock import system_clock
    from hub.journal import open_journal

    opened = open_journal(config.hub.database_file, system_clock())
    try:
        yield opened
    finally:
        opened.close()


def show(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def counted(number: int, noun: str) -> str:
    """Return `1 notice`, `2 notices`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def who() -> int:
    """Return the user id that gives the order, for the evidence log: under sudo who logged in."""
    try:
        login = int(Path("/proc/self/loginuid").read_text("ascii"))
    except (OSError, ValueError):
        return os.getuid()
    return os.getuid() if login == NO_LOGIN else login


def as_moment(text: str, option: str = "--at") -> datetime:
    """Return the time that an option names. Raises UsageError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError("not a time with zone", where=option, fix="As 2026-02-03T10:00:00Z")
    return at


def moment(at: datetime | None) -> str:
    """Return a time as people read it, in UTC; `-` for none."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else "-"
