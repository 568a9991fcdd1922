"""A hint that an envelope came: watchdog over the folders `in/`.

Events get lost and threads die (an event queue saw 10,024 of 20,000 files), so the scan is the
truth and a hint only makes it sooner. Nothing here ever raises: a watch that cannot begin, or that
fails, is logged, and the hub goes on with its scans.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import InotifyConstants, Mask

from hub import telemetry

# A file renamed into its name, in the folder or from elsewhere, is reported as created.
EVENTS: list[type[FileSystemEvent]] = [FileClosedEvent, FileCreatedEvent]


class Watch:
    """Calls `wake` when an envelope (`*.xml`) was written or renamed in one of `paths`.

    wake: quick, called from a thread of the watch; it may come too often and for nothing
    """

    def __init__(self, paths: Sequence[Path], wake: Callable[[], None]) -> None:
        self._paths, self._handler = tuple(paths), _Hint(wake)
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        """Begin to watch; a folder that cannot be watched does not keep the others from it."""
        try:
            observer = BaseObserver(_Arrivals)
            observer.start()
        except Exception:  # noqa: BLE001 - watchdog raises what the system and its threads raise
            telemetry.logger().warning("no hints from the file system", exc_info=True)
            return
        self._observer = observer
        for path in self._paths:
            try:
                observer.schedule(self._handler, str(path), event_filter=EVENTS)
            except Exception:  # noqa: BLE001 - as above: no folder, no right, no watch left
                telemetry.logger().warning("no hints from a folder", exc_info=True)

    def stop(self) -> None:
        """Stop watching; stopping twice, or before a start, is no error."""
        observer, self._observer = self._observer, None
        if observer is None:
            return
        with suppress(Exception):  # a dead thread of watchdog must not keep the hub from stopping
            observer.stop()
            observer.join(timeout=5)

    @property
    def alive(self) -> bool:
        """Whether hints come from every folder: each has a thread of the watch, and it lives."""
        observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        living = [emitter for emitter in observer.emitters if emitter.is_alive()]
        return len(living) == len(set(self._paths))


class _Arrivals(InotifyEmitter):
    """Asks the kernel for what is made in a folder, written or renamed, and for nothing else.

    watchdog's own choice has the hub's claims too, and holds each for half a second to find where
    it went: at 100 drops a second that took a fifth of the interpreter's time.
    """

    def get_event_mask_from_filter(self) -> Mask:
        return Mask(
            InotifyConstants.IN_DELETE_SELF
            | InotifyConstants.IN_CREATE
            | InotifyConstants.IN_CLOSE_WRITE
            | InotifyConstants.IN_MOVED_TO
        )


class _Hint(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        name = str(event.dest_path or event.src_path)
        if not name.endswith(".xml"):
            return
        try:
            self._wake()
        except Exception:  # noqa: BLE001 - an exception would end watchdog's thread for good
            telemetry.logger().warning("a hint failed", exc_info=True)
