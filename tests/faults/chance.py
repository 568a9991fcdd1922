"""What chance may do to a hub: as a procedure, an operator, the mailboxes, and as misfortune.

Each step draws from dice of its own, made of the seed and the step's number: so the same seed does
the same things in the same order, whatever became of the steps before.
"""

import signal
import subprocess
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random

from hub.host.guardian import descendants
from tests.faults.stage import MOODY, Stage, signal_all
from tests.flow.moody import feel
from tests.flow.papers import Paper, drop, status_drop

SCHEMES = ("citizens", "archive", *MOODY)
MOODS = (
    *("good",) * 6,
    *("slow", "slow", "slow", "deferred", "refused", "pending", "lost", "unknown"),
    *("raise", "once-die", "once-die-late", "held"),
)
STATES = ("INITIATED", "SUBMITTED", "RECEIVED", "PROCESSING", "ACTION_REQUIRED", "COMPLETED")
MOST_HUBS = 3
OPEN = "SELECT message_id FROM notice WHERE open AND follows IS NULL ORDER BY id"


Act = Callable[[Stage, Random], None]


def hand_in(stage: Stage, dice: Random) -> None:
    for _ in range(dice.randint(1, 6)):
        told = {
            "message_id": f"urn:de:xta:messageid:bauamt:{_uuid(dice)}",
            "scheme": dice.choice(SCHEMES),
            "account": dice.choice(("anna", "ben", "anna", "carla", "nobody")),
        }
        now, later = stage.clock.now(), stage.horizon
        if dice.random() < 0.15:
            told["not_before"] = (now + dice.random() * later).isoformat(timespec="seconds")
        if dice.random() < 0.15:
            end = now + (0.2 + dice.random()) * later
            told["obsolete_after"] = end.isoformat(timespec="seconds")
        inline = dice.random() < 0.7
        stage.put(drop(Paper(inline=inline), **told), again=inline)


def hand_in_again(stage: Stage, dice: Random) -> None:
    if stage.known:
        stage.put(dice.choice(stage.known), again=False)


def contradict(stage: Stage, dice: Random) -> None:
    if stage.known:
        of = dice.choice(stage.known).message_id
        other = drop(Paper(inline=True), message_id=of, subject="Something else")
        stage.put(other, again=False)


def hand_in_rubbish(stage: Stage, dice: Random) -> None:
    made = drop(Paper(inline=True), message_id=f"urn:de:xta:messageid:bauamt:{_uuid(dice)}")
    whole = made.envelope
    envelope = dice.choice(
        (
            whole[: len(whole) // 2],
            b"",
            whole.replace(b"130030000000", b"130030000001"),
            whole.replace(b'scheme="citizens"', b'scheme="nowhere"'),
            whole.replace(b"?>\n", b"?>\n<!DOCTYPE Notice>\n", 1),
            whole.replace(b"<Data>", b"<Data>QUFB"),
        )
    )
    stage.put(replace(made, envelope=envelope), again=False)


def show_status(stage: Stage, dice: Random) -> None:
    application = str(uuid.UUID(int=1 + dice.randrange(8), version=4))
    minute = min(23 * 60, dice.randrange(60) + stage.handed_in // 10)
    told = {"message_id": f"urn:de:xta:messageid:bauamt:{_uuid(dice)}"}
    stage.put(status_drop(dice.choice(STATES), minute, application, **told))


def fetch(stage: Stage, dice: Random) -> None:
    found = sorted((stage.world.procedure / "out").glob("[!.]*.xml"))
    for path in dice.sample(found, min(10, len(found) // 3)):
        path.unlink(missing_ok=True)


def order_for_one(stage: Stage, dice: Random) -> None:
    of = stage.world.rows(OPEN)
    command = dice.choice((("retry",), ("release",), ("receipt", "reissue"), ("status",)))
    place = dice.random()
    if of:
        stage.order(*command, of[int(place * len(of))]["message_id"])


def settle_one(stage: Stage, dice: Random) -> None:
    wanted = "SELECT message_id FROM notice WHERE state = 'UNRESOLVED' AND settled_at IS NULL"
    of, place = stage.world.rows(f"{wanted} AND kind = 'notice' ORDER BY id"), dice.random()
    if of:
        stage.settle(of[int(place * len(of))]["message_id"])


def pause(stage: Stage, dice: Random) -> None:
    stage.order("pause", dice.choice(("rostock", "citizens", *MOODY)))


def resume(stage: Stage, _dice: Random) -> None:
    for row in stage.world.rows("SELECT kind, name FROM pause"):
        stage.order("resume", row["name"], f"--{row['kind']}")


def look(stage: Stage, dice: Random) -> None:
    stage.order(*dice.choice((("doctor",), ("list",), ("list", "--cases"))))


def confirm(stage: Stage, _dice: Random) -> None:
    stage.order("receipt", "confirm", "rostock/bauamt")


def run_beside(stage: Stage, _dice: Random) -> None:
    command = [*stage.world.program, "--config", str(stage.world.folder / "hub.toml")]
    with (stage.world.folder / "log").open("ab") as log:
        one = subprocess.Popen([*command, "run", "--once"], stdout=log, stderr=log)
    stage.beside.append(stage.stay.enter_context(one))


def change_mood(stage: Stage, dice: Random) -> None:
    feel(stage.world, dice.choice(MOODS), dice.choice(MOODY))


def go_away(stage: Stage, dice: Random) -> None:
    with suppress(FileNotFoundError):
        stage.world.mark(dice.choice(("citizens", "archive")), there=False)


def come_back(stage: Stage, _dice: Random) -> None:
    for name in ("citizens", "archive"):
        stage.world.mark(name, there=True)


def close_account(stage: Stage, dice: Random) -> None:
    closed = stage.world.folder / "var" / "mailboxes" / "citizens" / "ben" / ".closed"
    if dice.random() < 0.5:
        closed.touch()
    else:
        closed.unlink(missing_ok=True)


def kill_hub(stage: Stage, dice: Random) -> None:
    stage.hubs.pop(dice.randrange(len(stage.hubs))).kill()
    stage.killed += 1
    stage.start()


def stop_hub(stage: Stage, dice: Random) -> None:
    hub = stage.hubs.pop(dice.randrange(len(stage.hubs)))
    hub.process.send_signal(signal.SIGTERM)
    stage.leaving.append(hub)
    stage.start()


def add_hub(stage: Stage, dice: Random) -> None:
    if len(stage.hubs) < MOST_HUBS:
        stage.start()
    else:
        stage.hubs.pop(dice.randrange(len(stage.hubs))).kill()
        stage.killed += 1


def freeze_hub(stage: Stage, dice: Random) -> None:
    hub, with_all = dice.choice(stage.hubs), dice.random() < 0.5
    long = stage.horizon > timedelta(hours=1) and dice.random() < 0.1  # past its leases
    seconds = dice.uniform(35.0, 50.0) if long else dice.uniform(0.1, 4.0)
    below = list(descendants(hub.process.pid)) if with_all else []
    stage.freeze([hub.process.pid, *below], seconds)


def hurt_child(stage: Stage, dice: Random) -> None:
    below = list(descendants(dice.choice(stage.hubs).process.pid))
    if not below:
        return
    one = [dice.choice(below)]
    if dice.random() < 0.5:
        signal_all(one, signal.SIGKILL)
    else:
        stage.freeze(one, dice.uniform(0.5, 6.0))


def _uuid(dice: Random) -> uuid.UUID:
    return uuid.UUID(int=dice.getrandbits(128), version=4)


WEIGHTS: dict[Act, int] = {
    hand_in: 24,
    hand_in_again: 4,
    contradict: 3,
    hand_in_rubbish: 5,
    show_status: 6,
    fetch: 8,
    order_for_one: 4,
    settle_one: 6,
    pause: 1,
    resume: 2,
    look: 2,
    confirm: 1,
    run_beside: 1,
    change_mood: 12,
    go_away: 2,
    come_back: 5,
    close_account: 2,
    kill_hub: 6,
    stop_hub: 2,
    add_hub: 2,
    freeze_hub: 4,
    hurt_child: 3,
}


def step(stage: Stage, seed: str, number: int) -> str:
    """Do one thing that chance says; return what."""
    dice = Random(f"{seed}:{number}")
    (act,) = dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
    stage.thaw()
    act(stage, dice)
    return act.__name__
