"""Addresses that hold a notice's key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_mail import Pattern

PATTERN = Pattern("read+{key}@a.example")


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_out_of_its_address_in_any_case(data: bytes) -> None:
    address = PATTERN.of(data.hex())
    assert len(address.partition("@")[0]) <= 64
    for written in (address, address.upper(), address.title()):
        assert PATTERN.key(["someone@b.example", written]) == data.hex()


def test_an_address_that_is_none_of_ours_or_two_of_them_name_no_notice() -> None:
    one, other = PATTERN.of("5a" * 32), PATTERN.of("a5" * 32)
    assert PATTERN.key([one, other]) is None
    assert PATTERN.key([one, one]) == "5a" * 32
    others = [one.replace("@a.", "@b."), one[1:], f"x{one}", one.replace("+", "-"), "", "read+@a"]
    assert PATTERN.key(others) is None
    assert PATTERN.key([one.replace("a.example", "aXexample")]) is None


@pytest.mark.parametrize(
    "text",
    [
        "read@a.example",
        "{key}",
        "a b+{key}@a.example",
        "read+{key}+{key}@a.example",
        "x" * 13 + "{key}@a.example",
        "read+{key}@a.example>",
    ],
)
def test_what_is_no_address_with_a_place_for_a_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\{key\}"):
        Pattern(text)
