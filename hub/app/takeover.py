"""Workers of this machine that are no more: who they are, and what they left in the spools."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.config import Config
from hub.errors import StorageFailed
from hub.journal import Journal
from hub.journal import workers as known
from hub.spool import Claim, Spool, WorkerLock, workers
from hub.spool.folders import WORKER
from hub.telemetry import logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A worker that is no more, and the claims it left.

    ended: it ended by itself; the drops that it left wait for something
    """

    worker: str
    ended: bool
    claims: list[tuple[Spool, list[Claim]]]

    @property
    def count(self) -> int:
        """How many drops it left."""
        return sum(len(found) for _, found in self.claims)


def find_gone(
    config: Config, journal: Journal, spools: Mapping[tuple[str, str], Spool], own: str
) -> Iterator[Gone]:
    """Give each worker that is no more; its claims lie in our own folder by then.

    A worker is no more when its lock is free. The lock is held while the caller works, so that
    only one hub takes over, and let go for good after it.
    """
    with journal.read() as connection:
        candidates = {one for one, _ in known.unended(connection) if WORKER.fullmatch(one)}
    candidates.update(workers(config.spool.path))
    for spool in spools.values():
        candidates.update(spool.folders.workers())
    for worker in sorted(candidates - {own}):
        try:
            lock = WorkerLock.take_over(config.spool.path, worker)
        except StorageFailed as error:  # what lies there under the name of a lock is none
            logger().error("worker lock damaged", worker=worker, exc_info=error)
            continue
        if lock is None:
            continue
        with lock:
            with journal.read() as connection:  # not before: it may have ended since
                ended = known.has_ended(connection, worker)
            claims = [(spool, spool.adopt(worker)) for spool in spools.values()]
            yield Gone(worker=worker, ended=ended, claims=claims)
