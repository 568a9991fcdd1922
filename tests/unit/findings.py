"""What the doctor's tests share: a clock that is set to another time, and what was found."""

from collections.abc import Iterable
from datetime import UTC, datetime

from hub.doctor.finding import Finding
from tests.unit.spools import TurnedClock

KEY = ("rostock", "bauamt")


class SetClock(TurnedClock):
    """The machine's clock, set to another time."""

    def __init__(self, **by: float) -> None:
        super().__init__()
        self.turn(**by)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.passed


def bad(findings: Iterable[Finding]) -> list[str]:
    """Return what is wrong; each says why it matters and what to do."""
    found = [one for one in findings if not one.ok]
    assert all(one.why and one.fix and one.exit_code in {69, 78} for one in found)
    return [one.what for one in found]
