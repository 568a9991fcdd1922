"""Workers of this machine that are dead: who they are, and what they left in the spools."""

from collections.abc import Iterator, Mapping

from hub.config import Config
from hub.journal import Journal
from hub.journal import workers as known
from hub.spool import Claim, Spool, WorkerLock, workers

Left = list[tuple[Spool, list[Claim]]]


def find_dead(
    config: Config, journal: Journal, spools: Mapping[tuple[str, str], Spool], own: str
) -> Iterator[tuple[str, Left]]:
    """Give each dead worker with the claims it left; they lie in our own folder by then.

    A worker is dead when its lock is free. The lock is held while the caller works, so that only
    one hub takes over, and let go for good after it.
    """
    with journal.read() as connection:
        candidates = {worker for worker, _ in known.unended(connection)}
    candidates.update(workers(config.spool.path))
    for spool in spools.values():
        candidates.update(spool.folders.workers())
    for worker in sorted(candidates - {own}):
        lock = WorkerLock.take_over(config.spool.path, worker)
        if lock is None:
            continue
        with lock:
            yield worker, [(spool, spool.adopt(worker)) for spool in spools.values()]
