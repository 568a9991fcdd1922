"""Which patterns of mailbox ids a plugin may give."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_mailbox.address import PatternRefused, check_pattern

ALLOWED = [
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    r"^du-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    r"[^@]+@[^@]+",
    r"(?:ab|ac)+",
    r"(a|b)*c",
    r"a.*",
    r"x?y",
    r"a{2,4}b",
]
REFUSED = {
    r"(a+)+b": "ambiguous",
    r"a*a*b": "ambiguous",
    r"a{1,5}a": "ambiguous",
    r"a.*b": "ambiguous",
    r"(?:a|ab)c?b": "ambiguous",
    r"(?i)a": "flags",
    r"a(?i:b)": "flags",
    r"\d+": "ASCII",
    r"(a)\1": "groupref",
    r"a(?=b)": "assert",
    r"a*?b": "min_repeat",
    r"a*+b": "possessive_repeat",
    r"(?>ab)": "atomic_group",
    r"a^b": "at",
    r"a?": "empty",
    r"": "empty",
    r"(": "expression",
    r"(?:[a-z]{1000}){1000}": "places",
}


@pytest.mark.parametrize("pattern", ALLOWED)
def test_a_pattern_with_one_way_to_go_on_is_allowed(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize(("pattern", "why"), REFUSED.items())
def test_a_pattern_with_two_ways_to_go_on_or_more_than_plain_parts_is_refused(
    pattern: str, why: str
) -> None:
    with pytest.raises(PatternRefused, match=why):
        check_pattern(pattern)


PARTS = st.sampled_from(["a", "b", "[ab]", "[^a]", "(?:a|b)", "(?:ab|b)", ".", "(?:a[ab]*b)"])
REPEATS = st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}"])
PATTERNS = st.lists(st.tuples(PARTS, REPEATS), min_size=1, max_size=6).map(
    lambda parts: "".join(part + repeat for part, repeat in parts)
)


@settings(deadline=None)
@given(pattern=PATTERNS, letter=st.sampled_from("ab"))
def test_whatever_is_allowed_fails_quickly_on_long_ids(pattern: str, letter: str) -> None:
    try:
        check_pattern(pattern)
    except PatternRefused:
        return
    begun = time.process_time()
    re.fullmatch(pattern, letter * 20_000 + "!")
    # A second is hundreds of times what one pass takes; two ways at each place take years.
    assert time.process_time() - begun < 1


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_checked_or_refused(pattern: str) -> None:
    with suppress(PatternRefused):
        assert check_pattern(pattern) == pattern
