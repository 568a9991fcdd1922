"""A mailbox whose mood is a file: for what a folder as a mailbox cannot do.

`mood` in its folder says how deposits end; `calls` gets a line for each, `stored` for each that is
kept. A mood that begins with `once-` turns to `good` when it has been acted out.
"""

import hashlib
import os
from datetime import UTC, datetime

from postfach_mailbox import (
    Capabilities,
    Delivery,
    Deposited,
    Evidence,
    Health,
    Held,
    HubPath,
    Outcome,
    Pending,
    Reason,
    Repeat,
    Settings,
    Unknown,
    hookimpl,
)

WHY = Reason(code="MOOD", text="a mood")


class MoodyMailbox:
    class Config(Settings):
        path: HubPath
        repeat: str = "NEITHER"

    def __init__(self, config: Config) -> None:
        self.path, self.repeat = config.path, Repeat[config.repeat]

    def capabilities(self) -> Capabilities:
        return Capabilities(
            scheme="moody",
            address_pattern="[a-z]+",
            legal_bases=frozenset({"OZG9"}),
            assurance_level="high",
            max_file=10**6,
            max_total=10**6,
            max_count=3,
            repeat=self.repeat,
        )

    def deposit(self, delivery: Delivery) -> Outcome:
        with delivery.sealed_notice.open() as stream:
            seal = hashlib.sha256(stream.read()).hexdigest()
        with (self.path / "calls").open("a") as file:
            file.write(f"{delivery.key} {seal}\n")
        mood = (self.path / "mood").read_text()
        if mood.startswith("once-"):
            (self.path / "mood").write_text("good")
        return self._act(mood.removeprefix("once-"), delivery)

    def _act(self, mood: str, delivery: Delivery) -> Outcome:
        match mood:
            case "held":
                return Held(reason=WHY)
            case "pending":
                return Pending(reference="1")
            case "unknown":
                return Unknown(reason=WHY)
            case "die":
                os._exit(3)
            case "raise":
                raise ValueError(delivery.notice.subject)
        with (self.path / "stored").open("a") as file:
            file.write(f"{delivery.key}\n")
        return Deposited(
            reference="1",
            provided_at=datetime.now(UTC),
            source="mailbox",
            evidence=(Evidence(name="answer", media_type="text/plain", data=b"yes"),),
        )

    def health(self) -> Health:
        held = (self.path / "mood").read_text() == "held"
        return Health(status="down" if held else "up")


@hookimpl
def postfach_mailbox() -> type:
    return MoodyMailbox
