"""The fake with one defect of many: for each rule of the kit, a mailbox that breaks it.

`defect` in its config says which; without one it is the fake.
"""

from typing import Any, Self

from pydantic import model_validator

from postfach_mailbox import hookimpl
from postfach_mailbox.testkit.fake import FakeMailbox, bench
from tests.contract.defective import deposits, doubts, promises, refusals
from tests.contract.defective.defect import Defect

__all__ = ["DEFECTS", "bench", "postfach_mailbox"]

DEFECTS: dict[str, Defect] = {
    each.rule: each
    for each in (
        *deposits.DEFECTS,
        *doubts.DEFECTS,
        *promises.DEFECTS,
        *refusals.DEFECTS,
        Defect("settings-closed", FakeMailbox),
    )
}


class DefectiveMailbox:
    class Config(FakeMailbox.Config):
        defect: str = ""

        @model_validator(mode="before")
        @classmethod
        def _chatty(cls, values: dict[str, Any]) -> dict[str, Any]:
            if values.get("defect") == "settings-closed" and "no_such_setting" in values:
                raise ValueError(f"no_such_setting: {values['no_such_setting']}")
            return values

    def __new__(cls, config: Config) -> Self:
        found = DEFECTS.get(config.defect)
        made: Any = (found.mailbox if found else FakeMailbox)(config)
        return made  # type: ignore[no-any-return]  # of another class, so that its methods count


@hookimpl
def postfach_mailbox() -> type:
    return DefectiveMailbox
