"""A mailbox whose mood is a file: for what a folder as a mailbox cannot do.

`mood` in its folder says how deposits end; `calls` gets a line for each, `stored` for each that is
kept, `asked` for each question, `sent` the bytes that were prepared for it. A mood that begins with
`once-` turns to `good` when it has been acted out. A question is answered by what is stored.
`slow-to-say` is good, and takes its time to say so; `slow` takes its time to deposit; `gate` waits
for another mood, as one that is frozen in mid-call. Nothing is stored after a call's end, and with
IDEMPOTENT no key twice.
"""

import fcntl
import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta
from typing import Literal

from postfach_mailbox import (
    Absent,
    Capabilities,
    Deferred,
    Delivery,
    Deposited,
    Evidence,
    Health,
    Held,
    HubPath,
    NoticeData,
    Outcome,
    Pending,
    Reason,
    Reconciled,
    Refused,
    Repeat,
    Settings,
    Unknown,
    hookimpl,
)

VERSION = "1.0"
WHY = Reason(code="MOOD", text="a mood")
SAID: dict[str, Outcome] = {  # nothing is stored
    "held": Held(reason=WHY),
    "pending": Pending(reference="1", check_after=timedelta(seconds=1)),
    "deferred": Deferred(reason=WHY),
    "unknown": Unknown(reason=WHY),
}


class MoodyMailbox:
    class Config(Settings):
        path: HubPath
        repeat: str = "NEITHER"
        confirms: Literal["at-once", "later"] = "at-once"
        prepares: bool = False

    def __init__(self, config: Config) -> None:
        self.path, self.repeat = config.path, Repeat[config.repeat]
        self.confirms: Literal["at-once", "later"] = config.confirms
        self.prepares = config.prepares

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
            confirms=self.confirms,
            prepares=self.prepares,
        )

    def prepare(self, notice: NoticeData) -> bytes:
        return f"{VERSION} {notice.message_id} {os.urandom(4).hex()}".encode()

    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        with (self.path / "asked").open("a") as file:
            file.write(f"{key} {reference}\n")
        if (self.path / "mood").read_text() == "pending":
            return Pending(reference="1", check_after=timedelta(seconds=1))
        if key in self._stored():
            return self._deposited()
        return Absent()

    def deposit(self, delivery: Delivery) -> Outcome:
        with delivery.sealed_notice.open() as stream:
            seal = hashlib.sha256(stream.read()).hexdigest()
        with (self.path / "calls").open("a") as file:
            file.write(f"{delivery.key} {seal}\n")
        with (self.path / "sent").open("a") as file:
            file.write(f"{(delivery.prepared or b'').decode()}\n")
        mood = (self.path / "mood").read_text()
        while mood == "gate":
            threading.Event().wait(0.02)
            mood = (self.path / "mood").read_text()
        if mood.startswith("once-"):
            (self.path / "mood").write_text("good")
        return self._act(mood.removeprefix("once-"), delivery)

    def _act(self, mood: str, delivery: Delivery) -> Outcome:
        if mood in SAID:
            return SAID[mood]
        match mood:
            case "die":
                os._exit(3)
            case "raise":
                raise ValueError(delivery.notice.subject)
            case "refused" if delivery.key not in self._stored():
                return Refused(reason=Reason(code="RECIPIENT_UNKNOWN", text="a mood"))
            case "slow":
                threading.Event().wait(0.5)
        if not self._store(delivery):
            return Unknown(reason=Reason(code="TOO_LATE", text="not stored"))
        if mood == "lost":
            return Unknown(reason=WHY)
        if mood == "die-late":
            os._exit(3)
        return self._deposited()

    def _stored(self) -> list[str]:
        stored = self.path / "stored"
        return stored.read_text().splitlines() if stored.exists() else []

    def _store(self, delivery: Delivery) -> bool:
        with (self.path / "stored").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two hubs may be at it
            if self.repeat is Repeat.IDEMPOTENT and delivery.key in self._stored():
                return True
            if not delivery.seconds_left():
                return False
            file.write(f"{delivery.key}\n")
            file.flush()
        return True

    def _deposited(self) -> Deposited:
        return Deposited(
            reference="1",
            provided_at=datetime.now(UTC),
            source="mailbox",
            evidence=(Evidence(name="answer", media_type="text/plain", data=b"yes"),),
        )

    def health(self) -> Health:
        mood = (self.path / "mood").read_text()
        if mood == "slow-to-say":
            threading.Event().wait(1.0)
        return Health(status="down" if mood == "held" else "up")


@hookimpl
def postfach_mailbox() -> type:
    return MoodyMailbox
