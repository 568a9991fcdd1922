"""What is kept: for a while, and not without end."""

import pytest

from postfach_fitconnect.kept import Kept


def test_a_value_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("postfach_fitconnect.kept._now", lambda: now[0])
    kept: Kept[str, int] = Kept(10.0)
    assert kept.get("a") is None
    kept.put("a", 1)
    now[0] += 9.9
    assert kept.get("a") == 1
    now[0] += 0.2
    assert kept.get("a") is None
    kept.put("a", 2)
    kept.drop("a")
    kept.drop("b")
    assert kept.get("a") is None


def test_no_more_are_kept_than_there_is_room_for() -> None:
    kept: Kept[int, int] = Kept(10.0, most=3)
    for each in (1, 2, 3, 1, 4):
        kept.put(each, each)
    assert [kept.get(each) for each in (1, 2, 3, 4)] == [1, None, 3, 4]
