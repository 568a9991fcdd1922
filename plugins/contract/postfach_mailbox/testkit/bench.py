"""What an author gives: the mailbox's settings, and the far side that the kit can play with.

The distribution ships a module, named in the entry point group `postfach.testkits` under the
mailbox's own name, with a function

    @contextmanager
    def bench(folder: Path) -> Iterator[Bench]: ...

that sets up a far side for one test (a sandbox server, a folder) and takes it down again. So the
installed distribution can be tested without its repository.
"""

import importlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from pydantic import JsonValue

from postfach_mailbox.testkit.quality import Quality

GROUP = "postfach.testkits"


class FarSide(Protocol):
    """The mailbox beyond the plugin, as each author must be able to play it."""

    @property
    def account(self) -> str:
        """An account that takes notices."""
        ...

    @property
    def unknown_id(self) -> str:
        """A well-formed id that is no one's account."""
        ...

    @property
    def deposited(self) -> list[str]:
        """The keys of all deposits in their order; one that was deposited twice stands twice."""
        ...

    def down(self) -> None:
        """Be away, so that nothing can be handed over: switched off, not mounted."""
        ...

    def up(self) -> None:
        """Be there again, with all that was deposited."""
        ...

    def deleted(self, account: str) -> None:
        """Close an account."""
        ...


@runtime_checkable
class Slow(Protocol):
    """A far side that can take its time."""

    def slow(self, seconds: float) -> None:
        """Take this long for each answer from now on; 0: as fast as it can."""
        ...


@runtime_checkable
class LosesAnswers(Protocol):
    """A far side whose answer can be lost."""

    def lose_next_answer(self) -> None:
        """Store the next notice, and break the connection instead of answering."""
        ...


@runtime_checkable
class Busy(Protocol):
    """A far side that can ask for patience (HTTP 429 or 503)."""

    def busy(self, retry_after: float) -> None:
        """Turn everything away, with the wish to be left alone for so many seconds; 0: no more."""
        ...


@runtime_checkable
class Strict(Protocol):
    """A far side that wants credentials."""

    def wrong_credentials(self) -> None:
        """Accept the plugin's credentials no more."""
        ...


@runtime_checkable
class Shows(Protocol):
    """A far side that shows what it holds."""

    def documents(self, key: str) -> list[str]:
        """Return the SHA-256 of each document of a deposit, lower-case hex, in their order.

        Without the hub's seal.
        """
        ...


@runtime_checkable
class Confirms(Protocol):
    """A far side that confirms, or turns down, what it has taken before."""

    def confirm(self, key: str) -> None:
        """Confirm a deposit."""
        ...

    def turn_down(self, key: str) -> None:
        """Refuse for good what was taken."""
        ...


@runtime_checkable
class Replies(Protocol):
    """A far side through which something comes back."""

    def reply(self, key: str) -> None:
        """Let something come back about a deposit."""
        ...


@runtime_checkable
class ShowsStatus(Protocol):
    """A far side that shows the states of applications."""

    @property
    def application(self) -> str:
        """An application's id that it knows."""
        ...

    @property
    def statuses(self) -> list[str]:
        """The states that it was told, in their order."""
        ...


@runtime_checkable
class ShowsStatusAndLosesAnswers(ShowsStatus, LosesAnswers, Protocol):
    """A far side that shows states, and whose answer can be lost there too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A mailbox set up for one test.

    config: its settings, as they would stand in hub.toml; relative paths count from `folder`
    """

    config: Mapping[str, JsonValue]
    far_side: FarSide
    folder: Path


class NoKit(Exception):
    """There is nothing to test: what is missing, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A mailbox that can be tested: its distribution as it is installed, and its bench."""

    name: str
    distribution: str
    version: str
    bench: Callable[[Path], AbstractContextManager[Bench]]
    quality: Quality


def find_kit(name: str, distribution: str | None = None) -> Kit:
    """Return the kit of the installed mailbox `name`; imports it. Raises NoKit.

    distribution: which, where more than one has a mailbox of this name
    """
    wanted = None if distribution is None else _canonical(distribution)
    found = {
        (entry.dist.name, entry.dist.version)
        for entry in metadata.entry_points(group="postfach.mailboxes", name=name)
        if entry.dist is not None and wanted in (None, _canonical(entry.dist.name))
    }
    if len(found) != 1:
        raise NoKit(
            f"{len(found)} installed distributions have a mailbox {name!r}; there must be one."
            " Install it, or remove the others"
        )
    ((owner, version),) = found
    entries = [
        entry
        for entry in metadata.entry_points(group=GROUP, name=name)
        if entry.dist is not None and entry.dist.name == owner
    ]
    if not entries:
        raise NoKit(
            f"{owner} {version} has no entry point {name!r} in the group {GROUP}, so there is no"
            " far side to test against. Its author has to add one"
        )
    module = importlib.import_module(entries[0].module)
    make = getattr(module, "bench", None)
    if not callable(make):
        raise NoKit(f"{module.__name__} has no function `bench`. Its author has to add one")
    return Kit(
        name=name,
        distribution=owner,
        version=version,
        bench=cast("Callable[[Path], AbstractContextManager[Bench]]", make),
        quality=Quality.of(module.__package__ or module.__name__),
    )


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
