"""Files that cannot be moved out of `in/`: refused once for each, however often they are seen."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.errors import NoticeRefused, RefusalClass
from hub.intake.drops import Refusal, Work
from hub.journal import Journal, taking
from hub.spool import Claim, Spool, Stuck


@dataclass(slots=True, kw_only=True)  # remembers what it refused
class StuckFiles:
    """What cannot be moved, for one worker; the journal keeps it for all."""

    journal: Journal
    _known: set[tuple[str, str, str]] = field(default_factory=set)

    def refuse(self, spool: Spool, stuck: Stuck, name: bytes) -> Refusal | None:
        """Return the refusal of a file; None where it was refused before."""
        key = (spool.tenant, spool.procedure, stuck.file)
        if key in self._known:
            return None
        with self.journal.read() as connection:
            known = stuck.file in taking.stuck_files(connection, spool.tenant, spool.procedure)
        self._known.add(key)
        if known:
            return None
        made = Claim.new(name, spool.clock)
        return Refusal(
            work=Work(spool=spool, claim=made),
            stuck=stuck.file,
            error=NoticeRefused(
                RefusalClass.SPOOL_FILE_REJECTED,
                "9052",
                "the file cannot be moved out of in/",
                fix="Remove it, and hand in a plain file that the hub's user may rename",
            ),
        )

    def forget(self, refusals: Iterable[Refusal]) -> None:
        """Let refusals come again: their commit failed."""
        self._known -= {
            (one.work.spool.tenant, one.work.spool.procedure, one.stuck or "") for one in refusals
        }
