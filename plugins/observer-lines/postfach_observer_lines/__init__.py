"""Writes a line of JSON for each event into a file, for whatever reads such files.

    {"id": 17, "event": "notice.deposited", "at": "2026-02-03T10:00:00Z", "tenant": "rostock", ...}

In hub.toml:

    [observers.log]
    plugin = "lines"
    [observers.log.config]
    path = "var/events.jsonl"

Lines are appended and synced before they are confirmed, so none is lost; some may come twice, after
a crash: the same `id` is the same event. The file is opened anew for each batch, so a tool that
rotates files may rename it at any time; it is never rotated or cut here, but for half a line that
a crash left at its end.
"""

import json
import os
from contextlib import suppress

from postfach_mailbox import (
    Health,
    HubPath,
    NoticeEvent,
    Observed,
    ObserverCapabilities,
    Settings,
    hookimpl,
)


class LinesObserver:
    """A file that grows by a line for each event."""

    class Config(Settings):
        """The observer's table in hub.toml."""

        path: HubPath
        """The file; made where it is not there, in a folder that is."""

    def __init__(self, config: Config) -> None:
        """Take the settings; touches no file."""
        self._path = config.path

    def capabilities(self) -> ObserverCapabilities:
        """Return what this plugin was written for."""
        return ObserverCapabilities(contract="1.0")

    def observe(self, events: tuple[NoticeEvent, ...]) -> Observed:
        """Append the events, and return when they are durable. Raises OSError."""
        lines = "".join(f"{json.dumps(_fields(event))}\n" for event in events)
        new = not self._path.exists()
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            _cut_half_line(fd)
            _write(fd, lines.encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        if new:
            self._sync_folder()
        return Observed()

    def health(self) -> Health:
        """Say whether the file can be written, or made."""
        there = self._path if self._path.exists() else self._path.parent
        if os.access(there, os.W_OK):
            return Health(status="up")
        return Health(status="down", text="the file cannot be written")

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _fields(event: NoticeEvent) -> dict[str, object]:
    return event.model_dump(mode="json", exclude_none=True)


def _write(fd: int, data: bytes) -> None:
    """Write all of it, or take off what was written and raise OSError."""
    start = os.lseek(fd, 0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
    except OSError:
        with suppress(OSError):  # else the next batch takes half a line off
            os.ftruncate(fd, start)
        raise


def _cut_half_line(fd: int) -> None:
    """Take off what stands behind the last line's end: a crash's rest, never confirmed."""
    end = os.lseek(fd, 0, os.SEEK_END)
    keep = end
    while keep and os.pread(fd, 1, keep - 1) != b"\n":
        keep -= 1
    if keep != end:
        os.ftruncate(fd, keep)


@hookimpl
def postfach_observer() -> type:
    """Return the observer's class, for the hub."""
    return LinesObserver
