"""The kit's rules: what each test is called in a report, when it applies, and what it counts for.

A rule belongs to a level. `bronze`: the mailbox takes notices, and refuses for the right reason.
`silver`: it is right in doubt, under load and past deadlines. `gold`: everything that it promises
beyond that. A level is reached when all rules up to it hold, do not apply, or are exempt with a
reason in the distribution's quality.toml; bronze has no exemptions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from postfach_mailbox.capabilities import Capabilities, Repeat
from postfach_mailbox.payloads import Operation

Level = Literal["bronze", "silver", "gold"]
LEVELS: tuple[Level, ...] = ("bronze", "silver", "gold")

Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Something a mailbox may promise; rules of the optional tier apply where it does.

    text: as a report names it
    made: whether it is, by capabilities and the operations that the class has
    """

    text: str
    made: Callable[[Capabilities, tuple[Operation, ...]], bool]


IDEMPOTENT = Promise(
    text="repeat is IDEMPOTENT", made=lambda told, _: told.repeat is Repeat.IDEMPOTENT
)
QUERYABLE = Promise(
    text="repeat is QUERYABLE", made=lambda told, _: told.repeat is Repeat.QUERYABLE
)
CONFIRMS_LATER = Promise(text="it confirms later", made=lambda told, _: told.confirms == "later")
CONFIRMS_AT_ONCE = Promise(
    text="it confirms at once", made=lambda told, _: told.confirms == "at-once"
)
PREPARES = Promise(text="it prepares", made=lambda told, _: told.prepares)
SHOWS_STATUS = Promise(text="it shows a status", made=lambda told, _: told.status)
BRINGS_BACK = Promise(
    text="it has a return channel",
    made=lambda told, _: told.return_channel or told.retrieval_events,
)
HAS_ACCOUNTS = Promise(
    text="it has accounts: it is no relay to the post", made=lambda told, _: not told.relays
)
TELLS_ACCOUNTS = Promise(
    text="it offers `account`", made=lambda _, offered: Operation.ACCOUNT in offered
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One test of the kit.

    id: how quality.toml and reports name it
    test: the test's function; protects: its docstring, what goes wrong where it does not hold
    promises: all must be made, or the rule does not apply
    needs: what the far side must be able to do (a protocol of `bench`), or it is not tested
    """

    id: str
    test: str
    level: Level
    protects: str
    promises: tuple[Promise, ...] = ()
    needs: type[Any] | None = None

    @property
    def tier(self) -> Literal["basic", "optional"]:
        """`basic`: for each mailbox; `optional`: for those that promise more."""
        return "optional" if self.promises else "basic"


RULES: dict[str, Rule] = {}
"""All rules that were imported, by the name of their test."""


def rule(
    name: str, level: Level, *promises: Promise, needs: type[Any] | None = None
) -> Callable[[Test], Test]:
    """Mark a test of the kit; see Rule."""

    def mark(test: Test) -> Test:
        function: Any = test
        RULES[function.__name__] = Rule(
            id=name,
            test=function.__name__,
            level=level,
            protects=" ".join((function.__doc__ or "").split()),
            promises=promises,
            needs=needs,
        )
        return test

    return mark
