"""For tests: keys, tokens signed with them, and a FIT-Connect that is played in memory.

    far = Far(Keys.new())
    service = Service(settings, Api(settings, far))

It is not strict, but does what it is told: `before` and `after` play one call otherwise.
"""

from postfach_fitconnect.testkit.far import Far, Submission
from postfach_fitconnect.testkit.tokens import (
    DESTINATION,
    SCHEMA,
    SERVICE,
    URL,
    Keys,
    Pair,
    answer,
    claims,
    pair,
    payload,
    problem,
    sign,
)

__all__ = [
    "DESTINATION",
    "SCHEMA",
    "SERVICE",
    "URL",
    "Far",
    "Keys",
    "Pair",
    "Submission",
    "answer",
    "claims",
    "pair",
    "payload",
    "problem",
    "sign",
]
