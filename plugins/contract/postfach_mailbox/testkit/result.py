"""What a run of the kit found; `python -m postfach_mailbox.testkit` writes it as JSON."""

from typing import Literal

from postfach_mailbox.outcomes import Frozen
from postfach_mailbox.testkit.rules import LEVELS, Level

# How a skipped test says why; the report tells them apart by these words.
EXEMPT = "exempt: "
NOT_APPLICABLE = "does not apply: "
NOT_TESTED = "not tested: "

State = Literal["passed", "failed", "exempt", "not-applicable", "not-tested"]
WHY_SKIPPED: tuple[tuple[str, State], ...] = (
    (EXEMPT, "exempt"),
    (NOT_APPLICABLE, "not-applicable"),
    (NOT_TESTED, "not-tested"),
)


class Finding(Frozen):
    """How one rule came out.

    why: the first line of a failure, or the reason for which it was not run
    protects: what goes wrong in production where the rule does not hold
    """

    rule: str
    test: str
    level: Level
    tier: Literal["basic", "optional"]
    state: State
    why: str = ""
    protects: str = ""


class Report(Frozen):
    """A run.

    claimed: the level that quality.toml names
    problem: why there was nothing to run; None: it ran
    """

    mailbox: str
    distribution: str = ""
    version: str = ""
    claimed: Level | None = None
    problem: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def reached(self) -> Level | None:
        """The highest level at which, and below which, nothing failed or was left untested."""
        best: Level | None = None
        for level in LEVELS:
            of_level = [each for each in self.findings if each.level == level]
            if not of_level or any(each.state in ("failed", "not-tested") for each in of_level):
                return best
            best = level
        return best

    @property
    def holds(self) -> bool:
        """Whether it reached what it claims; without a claim, whether nothing failed."""
        if self.problem is not None:
            return False
        if self.claimed is None:
            return all(each.state != "failed" for each in self.findings)
        reached = self.reached
        return reached is not None and LEVELS.index(reached) >= LEVELS.index(self.claimed)
