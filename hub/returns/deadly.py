"""Items, and looks, at which a mailbox's process dies: counted, left alone at the third time.

Such an item is stored without its documents, as a case for a person, and never acknowledged: it
stays at the mailbox, and those behind it have their turn. Where looking itself ends the process,
the channel is looked at seldom, so that notices go out in between.
"""

import hashlib
from dataclasses import dataclass

from hub.caution import Caution
from hub.returns.working import Work
from postfach_mailbox.frames import AnswerValue

DEADLY = "ITEM_DEADLY"  # the trouble of such an item
DYING = 900.0  # seconds between looks where looking ends the process
COLLECT, RETURNED = "collect", "returned"  # stages, as they are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadly:
    """What one mailbox's process died at. A call that is answered None had its process die."""

    caution: Caution
    mailbox: str

    def pause(self, interval: float) -> float:
        """Return how many seconds pass between two looks."""
        dying = self.caution.leaves(COLLECT, self.mailbox)
        return max(interval, DYING) if dying else interval

    def looked(self, outcome: AnswerValue | None) -> None:
        """Note how a look ended. Raises StorageFailed."""
        if outcome is None:
            self.caution.count(COLLECT, [self.mailbox])
        else:
            self.caution.over(COLLECT, self.mailbox)

    def leaves(self, item: str) -> bool:
        """Whether an item is neither fetched nor acknowledged any more."""
        return self.caution.leaves(RETURNED, self.name(item))

    def fetched(self, work: Work, outcome: AnswerValue | None) -> None:
        """Note what the mailbox says of a document. Raises StorageFailed."""
        self.told(work.item.id, outcome)
        work.answered(outcome)

    def told(self, item: str, outcome: AnswerValue | None) -> None:
        """Note how a call about an item ended. Raises StorageFailed."""
        if outcome is None:
            self.caution.count(RETURNED, [self.name(item)])

    def name(self, item: str) -> str:
        """Return what tells an item from all others, in words that the log takes."""
        return hashlib.sha256(f"{self.mailbox}\0{item}".encode()).hexdigest()[:32]
