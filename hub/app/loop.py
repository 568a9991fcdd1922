"""The loop of one worker: every stage in turn, one thread, woken by what happens.

    scan -> take (A) -> results (D) -> hand out (E) -> lease (B) -> calls (C, in the children)

While the children deposit one batch the loop takes the next. What time brings (deadlines, lost
leases, dead workers, fetched receipts, erasing) is looked after once a second.
"""

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from hub import retention
from hub.app.parts import Parts
from hub.app.takeover import find_gone
from hub.app.vigil import Vigil
from hub.app.wake import Wake
from hub.dispatch import Finished
from hub.errors import HubError, machine_failed
from hub.intake import Done
from hub.journal import workers
from hub.journal.handouts import Handout
from hub.schedule import SILENT_AFTER, Ticker
from hub.telemetry import logger
from hub.watch import Watch

__all__ = ["Loop", "Parts", "end", "run"]

TICK = 1.0  # seconds
# Seconds that a service waits for plugins to start; a single run waits until none is starting.
START_WAIT = 10.0
HOUSEKEEPING = 60.0  # seconds between looks at what was fetched, expired, left over
# The hub's own claims hold back the events behind them for half a second (watchdog waits for the
# other half of a rename), so for a while after activity the folders are simply looked at again.
AFTER, AGAIN = 1.0, 0.01  # seconds
SETTLING = 0.2  # seconds between looks at drops that must stand still
BESIDE = 0.1  # seconds between looks into the other folders while what one had is worked
PAUSE = 1.0  # seconds after a failure of the disk or database
Announce = Callable[[str], None]


@dataclass(slots=True, kw_only=True)  # when what was done last
class Loop:
    """Runs a worker's stages. Times are seconds on the clock that no one sets."""

    parts: Parts
    wake: Wake
    announce: Announce
    moved_at: float = 0.0
    _hinted: bool = True
    _scanned: float = 0.0
    _ticked: float = 0.0
    _kept_house: float = 0.0
    _files: list[Handout] = field(default_factory=list)

    def begin(self, *, once: bool) -> None:
        """Start the children, take over what dead workers left, write what was not written."""
        parts = self.parts
        with parts.journal.write() as tx:
            workers.begin(tx, parts.worker, parts.clock.boot_id, os.getpid(), parts.clock.now())
        parts.start()
        self._bury()
        parts.observing.own()
        retention.remove_unused_segments(parts.journal, parts.vault)
        parts.outbound.sweep(at_once=True)
        until = parts.clock.elapsed() + START_WAIT
        while parts.starting and (once or parts.clock.elapsed() < until):
            self.wait(TICK)
            parts.hear()
            if self.wake.terminations:
                return
        self.tick()

    def scan(self, *, settling_only: bool = False) -> None:
        """Look into the spools of which the last look is worked off."""
        # forgotten before the look: a change during it is a hint for the next
        self._scanned, self._hinted = self.parts.clock.elapsed(), False
        self.parts.intake.scan(settling_only=settling_only)

    def hint(self) -> None:
        """Note that a folder changed, and wake the loop; from any thread."""
        self._hinted = True
        self.wake.poke()

    @property
    def wants_a_look(self) -> bool:
        """Whether to look into the folders: at a hint, for a while after activity, in due time."""
        now, rescan = self.parts.clock.elapsed(), self.parts.config.spool.rescan
        if self.parts.intake.busy:
            return now - self._scanned >= BESIDE
        return (
            self._hinted
            or now - self.moved_at < AFTER
            or now - self._scanned >= rescan.total_seconds()
        )

    def round(self) -> bool:
        """Work one batch of each stage; whether anything moved."""
        parts = self.parts
        parts.hear()
        done = parts.intake.step() if parts.intake.busy else None
        if done:
            self._taken(done)
        finished = parts.dispatch.finish()
        self.finished(finished)
        parts.dispatch.lease()
        telling = parts.observing.step()
        for name in parts.returns.step():
            self.announce(f"reply {name}")
        self._files.extend(parts.returns.receipts())
        wrote = bool(self._files)
        self.hand_out()
        more = parts.intake.busy or parts.returns.handing.more
        return bool(done or finished.finals or wrote or telling or more)

    def tick(self) -> None:
        """Look after what time brings, if it is time."""
        parts, now = self.parts, self.parts.clock.elapsed()
        if now - self._ticked >= TICK:
            self._ticked = now
            self._bury()
            parts.checks.tend()
            parts.observing.tend()
            parts.damage.step()
            parts.sealing.step()
            self.finished(parts.dispatch.tend())
            self.hand_out()
        due = parts.outbound.marks_due()
        if due is not None and now >= due:
            parts.outbound.flush()
        if now - self._kept_house >= HOUSEKEEPING / parts.clock.speed:
            self._kept_house = now
            self._keep_house()

    def _keep_house(self) -> None:
        parts = self.parts
        retention_rules = parts.config.retention
        parts.outbound.sweep()
        parts.returns.tend()
        parts.acknowledgements.scan()
        retention.erase(parts.journal, parts.vault, retention_rules, parts.clock, parts.caution)
        retention.erase_returned(parts.journal, parts.vault, retention_rules, parts.clock)
        retention.age_out(parts.journal, parts.spools, retention_rules, parts.clock)

    def wait(self, seconds: float) -> None:
        """Wait for an event: a poke, a child's word, the next deadline."""
        now = self.parts.clock.elapsed()
        ends = (at - now for at in self.parts.ends())
        self.wake.wait(self.parts.descriptors(), min([seconds, *ends]))

    def _bury(self) -> None:
        """Take over what workers of this machine left that are no more."""
        parts = self.parts
        for gone in find_gone(parts.config, parts.journal, parts.spools, parts.worker):
            if not gone.ended:
                logger().warning("a worker is dead", worker=gone.worker)
            elif gone.count:
                logger().info("drops still wait", worker=gone.worker, count=gone.count)
            parts.caution.learn()  # what it has counted
            for spool, found in gone.claims:
                parts.intake.recover(spool, found)
            self.finished(parts.dispatch.tend([gone.worker]))
            with parts.journal.write() as tx:
                workers.end(tx, gone.worker, parts.clock.now())

    def _taken(self, done: Done) -> None:
        for message_id in done.accepted:
            self.announce(f"accepted {message_id}")
        for one in done.begun:
            self.parts.dispatch.begin(one.mailbox, one.lease, one.parcel, one.tenant, one.procedure)
        self._files.extend(done.handouts)

    def finished(self, finished: Finished) -> None:
        """Announce what is final; its receipts are written by `hand_out`."""
        for message_id, outcome in finished.finals:
            self.announce(f"final {message_id} {outcome}")
        self._files.extend(finished.handouts)

    def hand_out(self) -> None:
        """Write the receipts whose commit is made, and announce them."""
        if not self._files:
            return
        files, self._files = self._files, []
        for file in self.parts.outbound.write(files):
            self.announce(f"receipt {file.tenant}/{file.procedure}/out/{file.name}")


def end(loop: Loop, grace: timedelta) -> None:
    """Take nothing new, wait for calls in flight, write all that is known, stop the children.

    A second SIGTERM ends the waiting.
    """
    parts, clock = loop.parts, loop.parts.clock
    parts.dispatch.stopping = True
    parts.returns.stop()
    signals, until = loop.wake.terminations, clock.elapsed() + grace.total_seconds()
    while parts.dispatch.flights and clock.elapsed() < until:
        if loop.wake.terminations > max(1, signals):
            break
        loop.wait(min(TICK, until - clock.elapsed()))
        parts.hear()
        _write_what_landed(loop)
    parts.stop(0.0 if parts.dispatch.flights else 1.0)
    parts.dispatch.lost()
    _write_what_landed(loop)
    with parts.journal.write() as tx:
        workers.end(tx, parts.worker, clock.now())


def _write_what_landed(loop: Loop) -> None:
    """Write results, receipts and marks; what fails is found again at the next start."""
    try:
        loop.finished(loop.parts.dispatch.finish())
        loop.hand_out()
        loop.parts.outbound.flush()
    except HubError as error:
        logger().error("the end is not written", exc_info=error)


def run(parts: Parts, wake: Wake, announce: Announce, *, once: bool) -> None:
    """Run a worker until it is told to stop, or with `once` until nothing is due.

    Raises the error that a single run could not go on by; a service logs it and goes on.
    """
    loop = Loop(parts=parts, wake=wake, announce=announce)
    try:
        loop.begin(once=once)
        if once:
            _work_off(loop)
        else:
            _serve(loop)
    finally:
        end(loop, parts.config.hub.stop_grace)


def _work_off(loop: Loop) -> None:
    """Work what the first scan saw and what is due now; wait for settling and calls in flight."""
    parts = loop.parts
    loop.scan()
    while not loop.wake.terminations:
        moved = loop.round()
        loop.tick()
        if moved or parts.dispatch.air.landed:
            continue
        if parts.asking:
            loop.wait(TICK)
        elif parts.settling:
            loop.wait(SETTLING)
            loop.scan(settling_only=True)
        elif parts.returns.busy:
            loop.wait(TICK)
        elif not parts.dispatch.due_now():
            return
        else:  # due, but its mailbox's rate holds it back
            loop.wait(TICK)


def _serve(loop: Loop) -> None:
    """Serve until told to stop; a failure of disk or database is waited out."""
    parts = loop.parts
    # What the start made stays: else a collection that looks at it all stops the loop for 0.1 s.
    gc.collect()
    gc.freeze()
    ticker = Ticker(loop.wake.poke, TICK, parts.clock)
    watch = Watch([spool.folders.path / "in" for spool in parts.spools.values()], loop.hint)
    ticker.start()
    watch.start()
    try:
        with Vigil(parts) as vigil:
            while not loop.wake.terminations:
                if _turn(loop, vigil):
                    vigil.turned(ticker.ticked_at)
                ticker.mend()
    finally:
        watch.stop()
        ticker.stop()


def _turn(loop: Loop, vigil: Vigil) -> bool:
    try:
        if loop.wants_a_look:
            loop.scan()
        moved = loop.round()
        loop.tick()
    except (HubError, OSError) as error:
        if isinstance(error, OSError) and not machine_failed(error):
            raise
        vigil.failed(error)
        loop.wake.wait((), PAUSE)
        return False
    now = loop.parts.clock.elapsed()
    if moved:
        loop.moved_at = now
    elif now - loop.moved_at < AFTER:
        loop.wait(AGAIN)
    else:  # no longer than a ticker that fell silent is to go unseen
        loop.wait(min(SILENT_AFTER * TICK, loop.parts.config.spool.rescan.total_seconds()))
    return True
