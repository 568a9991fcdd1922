"""How the sandbox says no: at once, as the API's problem+json, or later, as a reject event.

Texts name fields and numbers, never what was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from postfach_fitconnect.assumed import (
    API_PROBLEM,
    BRIDGE_PROBLEM,
    EVENT_PROBLEM,
    PROBLEM_STATUS,
    REJECTIONS,
    Problem,
)
from postfach_sandbox.answering import Refused

SLUGS: Final = tuple(
    each.removeprefix(EVENT_PROBLEM) for each in REJECTIONS if each.startswith(EVENT_PROBLEM)
)
"""Problems that a destination may name in a reject."""


class Refusal(Refused):
    """A request is not what it must be: problem details (RFC 9457)."""

    media_type = "application/problem+json"

    def __init__(
        self, problem: Problem, text: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        status = PROBLEM_STATUS[problem]
        body = {
            "type": f"{API_PROBLEM}{problem}",
            "title": problem.replace("-", " ").capitalize(),
            "status": status,
            "detail": text,
        }
        super().__init__(status, body, text, headers=headers)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a destination finds wrong with a submission.

    type: a URI; instance: where, such as `metadata` or `attachment:<id>`
    """

    type: str
    detail: str
    instance: str = "submission"

    @classmethod
    def of(cls, slug: str, detail: str, instance: str = "submission") -> "Finding":
        """Make one of the problems that are known. Raises ValueError."""
        if slug not in SLUGS:
            raise ValueError(f"problem: one of {', '.join(SLUGS)}")
        return cls(type=f"{EVENT_PROBLEM}{slug}", detail=detail, instance=instance)

    @classmethod
    def of_mailbox(cls, code: str) -> "Finding":
        """Make one of what the mailbox service behind a bridge refused."""
        slug = code.lower().replace("_", "-")
        return cls(
            type=f"{BRIDGE_PROBLEM}{slug}", detail="the mailbox service refused", instance="data"
        )

    @property
    def body(self) -> dict[str, str]:
        """How a reject names it."""
        slug = self.type.rpartition("/")[2]
        return {
            "type": self.type,
            "title": slug.replace("-", " ").capitalize(),
            "detail": self.detail,
            "instance": self.instance,
        }


class Found(Exception):
    """A destination found something wrong."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.type)
        self.finding = finding
