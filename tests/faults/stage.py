"""A world in motion: its hubs, what was handed in, who is frozen, and what a person does."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from hub.clock import Clock
from tests.flow.moody import lines
from tests.flow.papers import Drop
from tests.flow.world import Service, World

MOODY = ("same", "asked", "once")  # mailboxes: IDEMPOTENT, QUERYABLE, NEITHER
REMEMBERED = 200  # drops that may be handed in again
# What a command may end with: done; refused, not to be had, disk or database, later, configuration.
ENDS = (0, 65, 69, 74, 75, 78)


@dataclass(slots=True, kw_only=True)
class Stage:
    """A world in motion: its hubs, what was handed in, and who is frozen until when.

    horizon: the longest time, by the hub's clock, that a notice asks to be kept
    """

    world: World
    clock: Clock
    horizon: timedelta
    stay: ExitStack
    hubs: list[Service] = field(default_factory=list)
    leaving: list[Service] = field(default_factory=list)
    beside: list[subprocess.Popen[bytes]] = field(default_factory=list)
    frozen: list[tuple[float, list[int]]] = field(default_factory=list)
    known: list[Drop] = field(default_factory=list)
    handed_in: int = 0
    killed: int = 0
    stems: Iterator[int] = field(default_factory=count)

    def put(self, made: Drop, *, again: bool = True) -> None:
        """Hand a drop in under a stem that no other has."""
        self.world.put(replace(made, stem=f"s{next(self.stems):06}"))
        self.handed_in += 1
        if again:
            self.known = [*self.known[1 - REMEMBERED :], made]

    def start(self) -> None:
        """Start one more hub."""
        self.hubs.append(self.stay.enter_context(self.world.service()))

    def order(self, *arguments: str) -> str:
        """Give an order as an operator does; it may be refused, and never break."""
        command = [*self.world.program, "--config", str(self.world.folder / "hub.toml")]
        ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode in ENDS, f"{arguments}: {ended.returncode} {ended.stderr}"
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.stdout

    def freeze(self, pids: list[int], seconds: float) -> None:
        """Stop processes for a while."""
        signal_all(pids, signal.SIGSTOP)
        self.frozen.append((self.clock.elapsed() + seconds, pids))

    def thaw(self, *, everyone: bool = False) -> None:
        """Let those go on whose time is over."""
        now = self.clock.elapsed()
        for until, pids in self.frozen:
            if everyone or until <= now:
                signal_all(pids, signal.SIGCONT)
        self.frozen = [one for one in self.frozen if not everyone and one[0] > now]

    def stored(self) -> list[str]:
        """Return the keys of what lies in the moody mailboxes."""
        return [key for name in MOODY for key in lines(self.world, "stored", name)]

    def cases(self) -> int:
        """Do what a person does with all that waits for one; return how much waited."""
        found = json.loads(self.order("list", "--cases", "--json") or "[]")
        for case in found:
            if case["case"] == "held":
                self.order("release", case["message_id"])
            elif "hub retry" in case["fix"]:
                self.order("retry", case["message_id"])
            else:
                self.settle(case["message_id"])
        return len(found)

    def settle(self, message_id: str) -> None:
        """Decide a case as a person does who has looked into the mailbox."""
        where = "SELECT delivery_key, state FROM notice WHERE message_id = ? AND follows IS NULL"
        (row,) = self.world.rows(where, message_id)
        there = {*self.stored(), *(path.name for path in self.world.letters())}
        settled_as = "deposited" if row["delivery_key"] in there else "failed"
        self.order("settle", message_id, "--as", settled_as, "--reason", "Seen there")


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
