"""A hub with one good mailbox and many bad ones: each notice ends as designed, and the good go on.

Each bad mailbox does one thing that it must not; all of a pack do it at once, in one running hub.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flow.papers import Drop, drop
from tests.flow.world import World, until
from tests.isolation.conftest import processes_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TABLE = """
[mailboxes.{act}]
plugin = "hostile"
python = "{python}"
scheme = "{act}"
call_timeout = "3s"
memory = "512MiB"
processes = 8
file_size = "1MiB"
[mailboxes.{act}.config]
act = "{act}"
path = "var/mailboxes/{act}"
"""
# What each does, and how its attempt ends: state of the notice, code of the attempt.
PACKS: dict[str, dict[str, tuple[str, str | None]]] = {
    "ends": {
        "abort": ("IN_DOUBT", "CHILD_DIED"),
        "exit-at-once": ("IN_DOUBT", "CHILD_DIED"),
        "outlive-death": ("IN_DOUBT", "CHILD_DIED"),
        "close": ("IN_DOUBT", "CHILD_DIED"),
        "shut-down": ("IN_DOUBT", "CHILD_DIED"),
        "garbage": ("IN_DOUBT", "CHILD_DIED"),
        "forge": ("IN_DOUBT", "CHILD_DIED"),
    },
    "takes": {
        "hang": ("IN_DOUBT", "CHILD_DIED"),
        "flood": ("IN_DOUBT", "CHILD_DIED"),
        "late": ("IN_DOUBT", "CHILD_DIED"),
        "bomb": ("IN_DOUBT", "CHILD_DIED"),
        "gorge-together": ("IN_DOUBT", "CHILD_DIED"),
        "outlive": ("DEPOSITED", None),
    },
    "lies": {
        "exit": ("IN_DOUBT", "EXCEPTION"),
        "raise": ("IN_DOUBT", "EXCEPTION"),
        "gorge": ("IN_DOUBT", "EXCEPTION"),
        "huge-file": ("IN_DOUBT", "EXCEPTION"),
        "wrong-type": ("IN_DOUBT", "CONTRACT_VIOLATION"),
        "subclass": ("IN_DOUBT", "CONTRACT_VIOLATION"),
        "without-evidence": ("IN_DOUBT", "CONTRACT_VIOLATION"),
        "huge-answer": ("IN_DOUBT", "CONTRACT_VIOLATION"),
    },
}
CASES = [(pack, act) for pack, acts in PACKS.items() for act in acts]
GOOD = 20  # notices of the good mailbox
END = """SELECT notice.state, attempt.code FROM notice JOIN attempt ON notice_id = notice.id
WHERE mailbox = ?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was seen of a pack: how notices ended, and which processes were left."""

    ends: dict[str, list[tuple[str, str | None]]]
    good: int
    said: list[str]
    log: str
    left_while_running: list[int]
    left: list[int]


def table(act: str, python: Path) -> str:
    """Return a bad mailbox's table; what takes too much has the time to do so on a busy machine."""
    made = TABLE.format(act=act, python=python)
    return made.replace('"3s"', '"30s"') if act in {"bomb", "gorge-together"} else made


def ran(folder: Path, python: Path, acts: list[str]) -> Outcome:
    """Run a hub with these bad mailboxes until each has had its notice, and the good one its."""
    world = World.make(folder / "hub")
    world.configure('"citizens"]', ", ".join(f'"{act}"' for act in ["citizens", *acts]) + "]")
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.writelines(table(act, python) for act in acts)
    bad = [drop(stem=act, scheme=act) for act in acts]
    good = [drop(stem=f"good{n}") for n in range(GOOD)]
    for act in acts:
        (world.folder / "var" / "mailboxes" / act).mkdir()
    with world.service() as hub:
        world.put(*bad, *good[: GOOD // 2])
        for each in bad:
            hub.wait_for(f"receipt rostock/bauamt/out/{each.stem}.01.")
        _all_deposited(hub.said, good[: GOOD // 2])
        world.put(*good[GOOD // 2 :])  # and after all that: it goes on
        _all_deposited(hub.said, good)
        own = set(hub.children())
        left = [pid for pid in processes_of(python) if not own & set(ancestors(pid))]
        code = hub.stop()
    assert code == 0
    return Outcome(
        ends={act: [tuple(row) for row in world.rows(END, act)] for act in acts},
        good=len(world.rows(END, "citizens")),
        said=hub.said,
        log=(world.folder / "log").read_text("utf-8"),
        left_while_running=left,
        left=processes_of(python),
    )


def _all_deposited(said: list[str], drops: list[Drop]) -> None:
    wanted = {f"final {each.message_id} DEPOSITED\n" for each in drops}
    until(lambda: wanted <= set(said), "the good mailbox's deposits")


def ancestors(pid: int) -> Iterator[int]:
    """Give a process, its parent, and so on."""
    while pid > 1:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])


@pytest.fixture(scope="module")
def outcomes(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Run all packs, one after the other."""
    return {
        pack: ran(tmp_path_factory.mktemp(pack), python, list(acts)) for pack, acts in PACKS.items()
    }


@pytest.mark.parametrize(("pack", "act"), CASES)
def test_a_bad_mailboxes_notice_ends_as_designed(
    outcomes: dict[str, Outcome], pack: str, act: str
) -> None:
    assert outcomes[pack].ends[act] == [PACKS[pack][act]]


@pytest.mark.parametrize("pack", list(PACKS))
def test_all_notices_of_the_good_mailbox_are_deposited(
    outcomes: dict[str, Outcome], pack: str
) -> None:
    assert outcomes[pack].good == GOOD


@pytest.mark.parametrize("pack", list(PACKS))
def test_no_process_is_left(outcomes: dict[str, Outcome], pack: str) -> None:
    assert outcomes[pack].left_while_running == []
    assert outcomes[pack].left == []


@pytest.mark.parametrize(
    ("pack", "act", "fault"),
    [
        ("ends", "abort", "ENDED"),
        ("ends", "shut-down", "ENDED"),
        ("ends", "garbage", "PROTOCOL"),
        ("takes", "hang", "DEADLINE"),
        ("takes", "bomb", "PROCESSES"),
        ("takes", "gorge-together", "MEMORY"),
    ],
)
def test_the_log_says_why_a_mailboxs_process_ended(
    outcomes: dict[str, Outcome], pack: str, act: str, fault: str
) -> None:
    lines = [line for line in outcomes[pack].log.splitlines() if '"mailbox died"' in line]
    assert [line for line in lines if f'"{act}"' in line and f'"{fault}"' in line]


def test_a_mailbox_that_hangs_at_its_start_holds_up_no_other(python: Path, tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    world.configure('"citizens"]', '"citizens", "hang-at-start"]')
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(TABLE.format(act="hang-at-start", python=python))
    good = drop(stem="good")
    with world.service() as hub:
        world.put(good)
        until(lambda: f"final {good.message_id} DEPOSITED\n" in hub.said, "the deposit", 20.0)
        assert hub.stop() == 0
    assert processes_of(python) == []


def test_the_mailboxes_of_a_killed_hub_end_with_all_that_they_started(
    python: Path, tmp_path: Path
) -> None:
    world = World.make(tmp_path / "hub")
    world.configure('"citizens"]', '"citizens", "freeze"]')
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(TABLE.format(act="freeze", python=python).replace('"3s"', '"30s"'))
    place = world.folder / "var" / "mailboxes" / "freeze"
    place.mkdir()
    with world.service() as hub:
        world.put(drop(stem="one", scheme="freeze"))
        until((place / "notes").exists, "what the mailbox starts")
        assert len(processes_of(python)) > 2  # guardian, mailbox, and what it started
        hub.kill()
        until(lambda: processes_of(python) == [], "the end of all processes")
