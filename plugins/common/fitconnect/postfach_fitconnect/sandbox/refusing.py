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

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
SLUGS: Final = tuple(
    each.removeprefix(EVENT_PROBLEM) for each in REJECTIONS if each.startswith(EVENT_PROBLEM)
)
"""Problems that a destination may name in a reject."""


class Refusal(Exception):
    """A request is not what it must be.

    status: HTTP, where it is another than the problem's own
    """

    def __init__(
        self,
        problem: Problem,
        text: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(f"{problem}: {text}")
        self.problem, self.text, self.headers = problem, text, dict(headers)
        self.status = status or PROBLEM_STATUS[problem]

    @property
    def body(self) -> dict[str, object]:
        """The answer's body (RFC 9457)."""
        return {
            "type": f"{API_PROBLEM}{self.problem}",
            "title": self.problem.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.text,
        }


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
