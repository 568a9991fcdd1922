from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import units


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("60s", 60), ("5m", 300), ("4h", 14400), ("7d", 604800)]
)
def test_durations_carry_their_unit(text: str, seconds: float) -> None:
    assert units.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("7B", 7), ("64KiB", 65536), ("1GiB", 2**30), ("2TiB", 2**41)]
)
def test_sizes_carry_their_unit(text: str, size: int) -> None:
    assert units.size(text) == size


@pytest.mark.parametrize(
    "value",
    ["", "60", "60 s", "-1s", "1.5h", "1S", "s", "1s ", "1s\n", "٣s", 7, None, ["1s"], True],
)
def test_nothing_else_is_a_duration(value: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        units.duration(value)


@pytest.mark.parametrize("value", ["", "16", "16MB", "16 MiB", "16mib", "-1B", 7, None])
def test_nothing_else_is_a_size(value: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        units.size(value)


@pytest.mark.parametrize("value", ["", "60,", "60;30", "-1", "6e1", "60s", 7, "1," * 100 + "1"])
def test_nothing_else_is_a_list_of_waits(value: object) -> None:
    with pytest.raises(ValueError, match="not a list of waits"):
        units.waits(value)


def test_a_duration_no_calendar_holds_is_refused() -> None:
    assert units.duration("999999999d") == timedelta(days=999_999_999)
    with pytest.raises(ValueError, match="0 seconds"):
        units.waits("60,0")


@given(st.lists(st.integers(1, 10**8 - 1), min_size=1, max_size=100))
def test_waits_are_read_in_their_order(seconds: list[int]) -> None:
    read = units.waits(", ".join(map(str, seconds)))
    assert [int(wait.total_seconds()) for wait in read] == seconds


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{1,12}(ms|[smhd]|[KMGT]?i?B)", fullmatch=True)))
def test_any_text_gives_a_value_or_says_what_to_write(text: str) -> None:
    for read in (units.duration, units.size, units.waits):
        assert refusal(read, text) is None or ". Write" in str(refusal(read, text))


def refusal(read: Callable[[object], object], text: str) -> ValueError | None:
    try:
        read(text)
    except ValueError as error:
        return error
    return None
