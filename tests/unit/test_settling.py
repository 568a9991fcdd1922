"""A drop of a transfer that cannot rename is taken when it has stood still, and not before."""

from pathlib import Path

from hub import starter
from hub.config import load
from hub.intake import Settling
from tests.unit.spools import TurnedClock, open_one


def test_a_drop_is_taken_when_it_has_stood_still_for_the_whole_time(tmp_path: Path) -> None:
    clock = TurnedClock()
    made = starter.init(tmp_path / "h", clock.now()).config
    text = made.read_text("utf-8")
    made.write_text(text.replace('settle = "0s"', 'settle = "10s"'), "utf-8")
    config = load(made, {})
    settling = Settling(config=config, clock=clock)
    spool = open_one(config.folder_of("rostock", "bauamt"), clock)
    file = spool.folders.path / "in" / "a.xml"
    file.write_bytes(b"<Not")
    assert settling.still(spool, [b"a.xml"]) == []
    clock.turn(seconds=9)
    assert settling.still(spool, [b"a.xml"]) == []
    file.write_bytes(b"<Notice/>")
    clock.turn(seconds=9)
    assert settling.still(spool, [b"a.xml"]) == []
    clock.turn(seconds=10)
    assert settling.still(spool, [b"a.xml"]) == [b"a.xml"]
    spool.folders.close()
