"""A batch of drops of each kind: deposited, posted, refused, a state, a repeat, a large one."""

from dataclasses import replace

from tests.flow.papers import Drop, Paper, drop, status_drop
from tests.flow.posting import LINES

APPLICATION = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"
LARGE = Paper(data=b"%PDF-1.4\n" + b"% much of it\n" * 20_000 + b"%%EOF\n", filename="Plan.pdf")


def mixture() -> list[Drop]:
    """Return new drops; the mailbox `citizens` and the post are needed."""
    once, refused = drop(Paper(inline=True), stem="anna"), drop(Paper(inline=True), stem="refused")
    return [
        once,
        replace(once, stem="again"),
        drop(Paper(), LARGE, stem="ben", account="ben"),
        drop(stem="registry", scheme="archive", account="registry"),
        *(drop(stem=f"post{number}", account="carla", lines=LINES) for number in range(2)),
        status_drop("SUBMITTED", 1, APPLICATION),
        replace(refused, envelope=refused.envelope.replace(b"<Subject>", b"<Sujet>")),
    ]
