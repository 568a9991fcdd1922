"""The installed plugin that a table of hub.toml names.

Plugins are found by their installed metadata, in the hub's Python or in one of the plugin's own.
Each way in which that can fail is a ConfigError that names the key; only that plugin is out of
order then.
"""

import os
import pwd
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from hub.errors import ConfigError
from hub.mailboxes.asking import Account, Unanswered, ask
from postfach_mailbox.frames import Group
from postfach_mailbox.installed import Offered, offered

Table = Literal["mailboxes", "checks", "observers"]
GROUPS: dict[Table, Group] = {
    "mailboxes": "postfach.mailboxes",
    "checks": "postfach.checks",
    "observers": "postfach.observers",
}
SINGULAR: dict[Table, str] = {"mailboxes": "mailbox", "checks": "check", "observers": "observer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A plugin as it is installed; the child loads exactly this.

    name: the table's own, below `mailboxes`, `checks` or `observers`
    record: the hash of RECORD that hub.toml names; the child compares each file then
    python: a Python of its own; None: the hub's
    account: whom its process runs as; None: the hub's own user
    """

    name: str
    distribution: str
    version: str
    entry_point: str
    group: Group = "postfach.mailboxes"
    record: str | None = None
    python: Path | None = None
    account: Account | None = None


class Wanted(Protocol):
    """What is needed of a plugin's table in hub.toml."""

    @property
    def plugin(self) -> str:
        """The entry point."""
        ...

    @property
    def pin(self) -> str | None:
        """`distribution==version`, or None."""
        ...

    @property
    def record(self) -> str | None:
        """`sha256:<hex>` of RECORD, or None."""
        ...

    @property
    def python(self) -> Path | None:
        """A Python of the plugin's own, or None."""
        ...

    @property
    def user(self) -> str | None:
        """The user its process runs as, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The table of hub.toml that is read."""

    kind: Table
    name: str

    def wrong(self, key: str, what: str, fix: str) -> ConfigError:
        return ConfigError(what, where=f"hub.toml: {self.kind}.{self.name}.{key}", fix=fix)


def installed(python: Path | None = None, account: Account | None = None) -> list[Offered]:
    """Return the plugins that a Python has; imports none of them.

    python: None: the hub's own
    account: whom to run `python` as; None: the hub's own user
    Raises Unanswered where `python` cannot be asked.
    """
    return list(offered()) if python is None else ask(python, account)


def find(kind: Table, name: str, table: Wanted) -> Installed:
    """Return the installed plugin of the table `kind.name`; imports nothing of it.

    Raises ConfigError where it is not installed, installed twice, or not the pinned one; where its
    Python cannot be asked, or its user is none.
    """
    place = _Place(kind=kind, name=name)
    account = _account(place, table.user)
    try:
        everything = installed(table.python, account)
    except Unanswered as error:
        raise place.wrong("python", error.what, error.fix) from error
    one = _pinned(place, table, [each for each in everything if each.group == GROUPS[kind]])
    if table.record is not None and one.record != table.record:
        raise place.wrong(
            "record",
            f"RECORD of {one.distribution} {one.version} is {one.record or 'not there'}, and not"
            " the named one",
            "See what was installed; if it is what you want, name this hash",
        )
    return Installed(
        name=name,
        distribution=_canonical(one.distribution),
        version=one.version,
        entry_point=one.entry_point,
        group=one.group,
        record=table.record,
        python=table.python,
        account=account,
    )


def _pinned(place: _Place, table: Wanted, group: Sequence[Offered]) -> Offered:
    found = {
        (_canonical(each.distribution), each.version): each
        for each in group
        if each.entry_point == table.plugin
    }
    listed = ", ".join(f"{dist} {version}" for dist, version in sorted(found))
    if not found:
        names = ", ".join(sorted({each.entry_point for each in group})) or "none there"
        where = table.python or "the hub's Python"
        raise place.wrong(
            "plugin",
            f"no installed distribution has the {SINGULAR[place.kind]} {table.plugin!r}",
            f"Install it into {where}, or name one of: {names}",
        )
    if table.pin is not None:
        distribution, _, version = table.pin.partition("==")
        pinned = (_canonical(distribution), version)
        if pinned not in found:
            raise place.wrong(
                "pin",
                f"pinned to {table.pin}, but installed is {listed}",
                "Install the pinned version, or change the pin",
            )
        return found[pinned]
    if len(found) > 1:
        raise place.wrong(
            "plugin",
            f"{len(found)} distributions have a {SINGULAR[place.kind]} {table.plugin!r}: {listed}",
            "Remove one, or say which by `pin`",
        )
    (one,) = found.values()
    return one


def _account(place: _Place, user: str | None) -> Account | None:
    if user is None:
        return None
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise place.wrong(
            "user", f"there is no user {user!r}", f"Make one: adduser --system --group {user}"
        ) from error
    if found.pw_uid == os.geteuid():
        raise place.wrong(
            "user",
            f"{user} is the hub's own user, from whom the plugin is to be kept apart",
            "Name another user, or leave the key out",
        )
    return Account(name=user, uid=found.pw_uid, gid=found.pw_gid)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
