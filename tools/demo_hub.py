"""The hub of `make demo`: a folder made by `hub init` with short waits, and the process in it."""

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from tools.demo_papers import Letter

Found = TypeVar("Found")
HUB = Path(sys.executable).with_name("hub")
PLACE = "rostock/bauamt"
AT_MOST = 50.0  # seconds for the whole demo
# So that retries and results come while one watches: old -> new, as `hub init` writes them.
SHORT = {
    'wait = "60,300,900,3600,14400"    # seconds': 'wait = "1"    # short, for the demo; seconds',
    'stop_grace = "60s"': 'stop_grace = "30s"',
}


class Failed(Exception):
    """Something did not come as it had to; the text says what, and where to look."""


def command(folder: Path) -> str:
    """Return how the hub's command is called for this folder, as one may type it."""
    return f"{shown(HUB)} --config {shown(folder / 'hub.toml')}"


def shown(path: Path) -> str:
    """Return a path as it is written in the working folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def hub(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the hub to its end. Raises Failed with what it said."""
    ended = subprocess.run(
        [str(HUB), "--config", str(folder / "hub.toml"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise Failed(f"hub {arguments[0]} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended


def made(folder: Path, letters: Iterable[Letter]) -> Path:
    """Make the hub's folder and what the procedure will hand in; return where the latter lies.

    Archive is taken away: the file that marks its root is not there. Raises Failed.
    """
    hub(folder, "init", str(folder))
    config = folder / "hub.toml"
    text = config.read_text("utf-8")
    for old, new in SHORT.items():
        if old not in text:
            raise Failed(f"hub init no longer writes {old!r}")
        text = text.replace(old, new)
    config.write_text(text, "utf-8")
    (folder / "var" / "mailboxes" / "archive" / ".mailbox").unlink()
    papers = folder / "procedure"
    papers.mkdir()
    for letter in letters:
        for number, paper in enumerate(letter.papers, 1):
            (papers / letter.file_of(number)).write_bytes(paper.data)
        (papers / f"{letter.uuid}.xml").write_text(letter.envelope(), "utf-8")
    return papers


def configure(folder: Path, mailboxes: Iterable[str], tables: str) -> None:
    """Give the hub these mailboxes instead of those of `hub init`. Raises Failed."""
    file = folder / "hub.toml"
    text, mark, _ = file.read_text("utf-8").partition("[mailboxes.")
    wanted = '["archive", "citizens"]'
    if not mark or wanted not in text:
        raise Failed("hub init no longer writes the mailboxes archive and citizens")
    file.write_text(text.replace(wanted, json.dumps([*mailboxes])) + tables, "utf-8")


def attempts(folder: Path, letter: Letter, *, at_least: int) -> list[dict[str, Any]]:
    """Return the ended attempts of a notice, none while there are too few."""
    (found,) = json.loads(hub(folder, "status", letter.message_id, "--json").stdout)
    ended = [one for one in found["attempts"] if one["ended_at"]]
    return ended if len(ended) >= at_least else []


@dataclass(slots=True, kw_only=True)
class Running:
    """A process `hub run --announce`; what it announces waits in a queue."""

    process: subprocess.Popen[str]
    log: Path
    since: float
    lines: "queue.Queue[str]" = field(default_factory=queue.Queue)

    @classmethod
    def started(cls, folder: Path) -> Self:
        """Start the hub in a session of its own: Ctrl-C then ends the demo, and that the hub."""
        log, config = folder / "hub.log", str(folder / "hub.toml")
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [str(HUB), "--config", config, "run", "--announce"],
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,
            )
        running = cls(process=process, log=log, since=time.monotonic())
        threading.Thread(target=running._read, args=[process.stdout], daemon=True).start()
        return running

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.put(line.strip())
        self.lines.put("")  # it ended

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    def seconds(self) -> float:
        """Return the seconds since the hub was started."""
        return time.monotonic() - self.since

    def seconds_at(self, moment: str) -> float:
        """Return the same for a moment in ISO 8601, as the hub prints it."""
        ago = datetime.now(UTC) - datetime.fromisoformat(moment)
        return self.seconds() - ago.total_seconds()

    def next_line(self) -> str:
        """Return the next line that the hub announces. Raises Failed when none comes."""
        try:
            line = self.lines.get(timeout=max(0.1, AT_MOST - self.seconds()))
        except queue.Empty:
            raise Failed(f"the hub announced nothing more; its log: {self.log}") from None
        if not line:
            raise Failed(f"the hub ended; its log: {self.log}")
        return line

    def wait_until(self, look: Callable[[], Found]) -> Found:
        """Look until something is found. Raises Failed when it does not come."""
        while self.seconds() < AT_MOST:
            if found := look():
                return found
            time.sleep(0.2)
        raise Failed(f"what was waited for did not come; the hub's log: {self.log}")

    def stop(self) -> int:
        """Ask the hub to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=AT_MOST)
        except subprocess.TimeoutExpired:
            raise Failed(f"the hub does not stop; its log: {self.log}") from None

    def __enter__(self) -> Self:
        """Return the running hub."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
