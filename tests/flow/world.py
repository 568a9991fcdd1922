"""A hub in a folder of its own, worked by real processes as a procedure and an operator do."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Self

from hub import starter
from hub.clock import system_clock
from hub.host.guardian import descendants
from tests.flow.papers import Drop
from tests.flow.receipts import Receipt, read

HUB = Path(sys.executable).with_name("hub")
AT_MOST = 30.0  # seconds that a test waits for what must come

HUB_TOML = """\
[hub]
name = "hub.example.mv"
stop_grace = "30s"
[spool]
rescan = "{rescan}"
[seal]
key = "file:keys/seal.p12"
password_file = "keys/seal.pass"
[vault]
master_key_file = "keys/master.key"
[retry]
wait = "{wait}"
give_up = "{give_up}"
[retention]
payload = "{payload}"
[tenants.rostock]
mailboxes = ["archive", "citizens"]
[tenants.rostock.procedures.bauamt]
authors = ["ags:130030000000"]
settle = "{settle}"
accepted_receipt = "{accepted}"
[mailboxes.archive]
plugin = "directory"
scheme = "archive"
[mailboxes.archive.config]
path = "var/mailboxes/archive"
[mailboxes.citizens]
plugin = "directory"
scheme = "citizens"
[mailboxes.citizens.config]
path = "var/mailboxes/citizens"
"""
USUAL = {
    "rescan": "2s",
    "wait": "1",
    "give_up": "1d",
    "payload": "14d",
    "settle": "0s",
    "accepted": "when-waiting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The folder of a hub with one procedure, rostock/bauamt, and two mailboxes."""

    folder: Path
    program: tuple[str, ...] = (str(HUB),)

    @classmethod
    def make(
        cls,
        folder: Path,
        program: tuple[str, ...] = (str(HUB),),
        ago: timedelta = timedelta(0),
        /,
        **settings: str,
    ) -> Self:
        """Make a hub as `hub init` did some time ago, with settings of a test (`USUAL`)."""
        started = starter.init(folder, system_clock().now() - ago)
        started.config.write_text(HUB_TOML.format(**USUAL | settings), "utf-8")
        return cls(folder=folder, program=program)

    def configure(self, old: str, new: str) -> None:
        """Change a line of hub.toml; it counts from the next start on."""
        file = self.folder / "hub.toml"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")

    @property
    def procedure(self) -> Path:
        return self.folder / "spool" / "rostock" / "bauamt"

    def put(self, *drops: Drop) -> None:
        """Hand in as a procedure does: documents first, the envelope's rename last."""
        incoming = self.procedure / "in"
        for drop in drops:
            for name, data in drop.files.items():
                (incoming / name).write_bytes(data)
            part = incoming / f"{drop.stem}.xml.part"
            part.write_bytes(drop.envelope)
            part.rename(incoming / f"{drop.stem}.xml")

    def hub(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the command to its end; it must end with `code`. None: with any."""
        ended = subprocess.run(
            _command(self, *arguments), capture_output=True, text=True, check=False
        )
        assert code in (None, ended.returncode), ended.stderr + ended.stdout
        return ended

    def once(self, code: int = 0) -> str:
        """Run until nothing is due; return what was announced."""
        return self.hub("run", "--once", "--announce", code=code).stdout

    @contextmanager
    def service(self, *more: str) -> Iterator["Service"]:
        """Run the hub as a service; it is killed at the end if it has not stopped by then.

        more: arguments of `hub run`
        """
        with (self.folder / "log").open("ab") as log:
            service = Service(
                subprocess.Popen(
                    _command(self, "run", "--announce", *more),
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
            )
        try:
            yield service
        finally:
            service.kill()

    def receipts(self, stem: str = "") -> dict[str, Receipt]:
        """Return what lies in `out/`, read, by file name; of one stem, or of all."""
        start = f"{stem}." if stem else ""
        names = sorted(path.name for path in (self.procedure / "out").glob("[!.]*.xml"))
        return {
            name: read(self.procedure / "out" / name) for name in names if name.startswith(start)
        }

    def mark(self, mailbox: str, *, there: bool) -> None:
        """Take a mailbox away, as if its disk were not mounted, or bring it back."""
        marker = self.folder / "var" / "mailboxes" / mailbox / ".mailbox"
        if there:
            marker.touch()
        else:
            marker.unlink(missing_ok=True)

    def outcomes(self, stem: str) -> list[str]:
        """Return the outcomes of a stem's receipts, in the order of their numbers."""
        return [receipt.outcome for receipt in self.receipts(stem).values()]

    def letters(self) -> list[Path]:
        """Return the folders of all letters in all mailboxes."""
        found = (self.folder / "var" / "mailboxes").glob("*/[!.]*/[!.]*/")
        return sorted(each for each in found if each.name not in ("replies", "statuses"))

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """Return what the journal says."""
        with closing(sqlite3.connect(self.folder / "var" / "hub.db", timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return database.execute(statement, values).fetchall()


def statuses(world: World) -> list[Path]:
    """Return the files of all states of applications in all mailboxes."""
    return sorted((world.folder / "var" / "mailboxes").glob("*/[!.]*/statuses/*/*.json"))


def _command(world: World, *arguments: str) -> list[str]:
    return [*world.program, "--config", str(world.folder / "hub.toml"), *arguments]


class Service:
    """A running `hub run --announce`; what it says is kept by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=[process.stdout], daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        self.said.extend(iter(stream.readline, ""))  # to its end, line by line

    def wait_for(self, line: str) -> None:
        """Wait until a line was said that begins so."""
        until(lambda: any(said.startswith(line) for said in list(self.said)), line)

    def children(self) -> list[int]:
        """Return the processes that the hub started: one for each mailbox, and their own."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in task.read_text("ascii").split()]

    def plugins(self) -> list[int]:
        """Return the processes of its plugins: those below its guardians."""
        return [pid for guardian in self.children() for pid in descendants(guardian)]

    def stop(self) -> int:
        """Ask the service to stop, wait for it, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(AT_MOST)
        self._reader.join(AT_MOST)
        return code

    def kill(self) -> None:
        """Kill the hub if it still runs; its children die with it."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(AT_MOST)
        if self.process.stdout:
            self.process.stdout.close()


def until(condition: Callable[[], bool], what: str, at_most: float = AT_MOST) -> None:
    """Look for a condition until it is true; it must be so in time."""
    end = time.monotonic() + at_most
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"did not come in {at_most:.0f} s: {what}"
        pause.wait(0.02)
