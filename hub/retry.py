"""When to try again, and when to give up: pure arithmetic.

The schedule is a list of waits; the last repeats until the deadline. Full jitter spreads the
tries of many notices, so that a mailbox that comes back is not run over.

Source: RFC 5321 section 4.5.4.1 (retry interval, give-up time); full jitter: M. Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from datetime import datetime, timedelta


def delay(waits: tuple[timedelta, ...], failures: int, jitter: float) -> timedelta:
    """Return how long to wait after the given number of failed attempts.

    waits: at least one, each longer than zero
    failures: failed attempts so far, 1 or more; any size: past the list its last wait repeats
    jitter: 0.0 to 1.0, drawn by the caller so that tests can fix it; 1 keeps the whole wait
    Returns a duration in [wait/10, wait]: full jitter over a floor that keeps a mailbox that is
    down from being asked in a tight loop.
    Raises ValueError when an argument is outside its range.
    """
    if not waits or failures < 1 or not 0.0 <= jitter <= 1.0:
        raise ValueError(f"delay({waits=}, {failures=}, {jitter=})")
    wait = waits[min(failures, len(waits)) - 1]
    return wait * (0.1 + 0.9 * jitter)


def due(
    now: datetime,
    waits: tuple[timedelta, ...],
    failures: int,
    jitter: float,
    *,
    not_before: timedelta | None = None,
) -> datetime:
    """Return when the next attempt is due: never earlier than the mailbox's own wish.

    now: aware; not_before: what the mailbox asked for (HTTP Retry-After), counted from now
    Raises ValueError as `delay` does.
    """
    wait = delay(waits, failures, jitter)
    if not_before is not None:
        wait = max(wait, not_before)
    return now + min(wait, timedelta(days=366))


def deadline(
    accepted_at: datetime, give_up: timedelta, obsolete_after: datetime | None
) -> datetime:
    """Return when trying ends: `give_up` after acceptance, or earlier if the notice says so."""
    end = accepted_at + give_up
    return end if obsolete_after is None else min(end, obsolete_after)


def moved_due(
    due_at: datetime,
    step: timedelta,
    latest: datetime,
    not_before: datetime | None,
) -> datetime:
    """Return when a notice is due after the wall clock was set: no later than without that.

    step: how far it was set, below zero: back; ahead changes nothing, a wait only ends sooner
    latest: its longest wait, counted from now
    not_before: what its procedure asks for; it stands
    """
    if step >= timedelta(0):
        return due_at
    moved = min(due_at + step, latest)
    return moved if not_before is None else max(moved, min(not_before, due_at))


def moved_deadline(
    deadline: datetime, step: timedelta, latest: datetime, obsolete_after: datetime | None
) -> datetime:
    """Return when trying ends after the wall clock was set: never sooner than without that.

    step: how far it was set; below zero: back
    latest: the whole time until giving up, counted from now
    obsolete_after: what the procedure asks for; trying never goes on after it
    """
    if step > timedelta(0):
        moved = max(deadline, min(deadline + step, latest))
    else:
        moved = min(deadline, latest)
    return moved if obsolete_after is None else min(moved, obsolete_after)
