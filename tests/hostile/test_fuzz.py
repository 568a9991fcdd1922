"""Every parser that sees foreign bytes ends in a result or its own refusal, whatever they are.

Some examples here; more in `make test-long`, and as long as wanted by tools/fuzz.py.
"""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import parsers, seeds

PATIENCE = 2.0  # seconds for one input
EARLY = "0001-01-01T00:00:00+14:00"  # UTC carries it out of the years that a datetime knows
# What once ended in something else: a result of the search, kept.
FOUND = {
    "a plugin confirms in the year 1": (
        "frames",
        b'{"kind":"answer","id":1,"value":{"kind":"deposited","reference":"a","source":"mailbox",'
        b'"provided_at":"%s","evidence":[{"name":"a","media_type":"a/b","data":""}]}}'
        % EARLY.encode(),
    ),
    "a mailbox confirms in the year 1": (
        "answers",
        b'\0{"messageId":"a","createdDate":"%s","orderId":"%s","state":"DEPOSITED","at":"%s"}'
        % (EARLY.encode(), seeds.ID.encode(), EARLY.encode()),
    ),
    "half a character as a mailbox's id": ("answers", b'\0{"messageId":"\\ud800"}'),
    "to be left alone until the year 1": ("answers", b"\0Mon, 01 Jan 0001 00:00:00 +2359"),
    "a zone that is no zone": ("answers", b"\0Mon, 01 Jan 2024 00:00:00 +99999999999999"),
    "a token for ever": (
        "fitconnect",
        b'\0{"access_token":"a","expires_in":1%s}' % (b"0" * 400),
    ),
    "a reply with too long a subject": (
        "fitconnect",
        next(each for each in seeds.fitconnect() if b"subject" in each).replace(
            b'"subject": "s"', b'"subject": "%s"' % (b"s" * 1025)
        ),
    ),
    "a letter posted in the year 1": (
        "print",
        next(seeds.printed()).replace(b"2026-03-01T12:00:00Z", EARLY.encode()),
    ),
    "an entry of many brackets": ("evidence", b"[" * 100_000),
    "a reply that is a list": ("replies", b"\0[]"),
    "a claim of the year 10889": ("names", b"ffffffffffff0123456789.0.stem.xml"),
}


@pytest.mark.parametrize("name", parsers.TARGETS)
def test_a_parser_takes_what_a_fuzzer_begins_with(name: str) -> None:
    target = parsers.TARGETS[name]
    for data in parsers.seeds_of(name):
        target.parse(data)


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once_ends_in_a_result_or_its_refusal(what: str) -> None:
    name, data = FOUND[what]
    parsers.TARGETS[name].parse(data)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", parsers.TARGETS)
@given(seed=st.integers(0, 2**64))
def test_a_parser_ends_in_a_result_or_its_refusal(name: str, seed: int) -> None:
    target, dice = parsers.TARGETS[name], random.Random(seed)
    data = seeds.spoilt(dice.choice(list(parsers.seeds_of(name))), dice)
    before = time.monotonic()
    target.parse(data)
    assert time.monotonic() - before < PATIENCE
