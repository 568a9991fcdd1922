"""Entries of the evidence log: one form for each, and nothing else passes for one."""

import hashlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.evidence import Entry, canonical, digest, link, parse, stamp

START = datetime(2026, 1, 31, 7, 5, 9, 123, tzinfo=UTC)

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(-(2**53) + 1, 2**53 - 1),
)
ENTRIES = st.builds(
    Entry,
    kind=st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True),
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])).filter(
        lambda at: 1 < at.year < 9999
    ),
    subject=st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), VALUES),
)


def entry(number: int) -> Entry:
    return Entry(kind="notice.accepted", at=START, subject={"notice": f"n-{number}", "try": 1})


def test_an_entry_is_written_in_one_way_only() -> None:
    one = Entry(
        kind="notice.deposited",
        at=datetime(2026, 1, 31, 9, 5, 9, 123, tzinfo=timezone(timedelta(hours=2))),
        subject={"tenant": "süd", "attempts": 3, "code": 'a"b\\\n\x7f\u2028'},
    )
    assert (
        canonical(one)
        == (
            '{"at":"2026-01-31T07:05:09.000123Z","kind":"notice.deposited","subject":'
            '{"attempts":3,"code":"a\\"b\\\\\\n\x7f\u2028","tenant":"süd"}}'
        ).encode()
    )


def test_the_values_of_the_first_release_stay() -> None:
    """Computed once: logs in the field hold such values for decades."""
    one = digest(entry(1))
    assert one == "1277ecac91ebff9eb257a71b84443c9097abd06e1d6fc3a0f77d8b4856addcfa"
    assert (
        link(None, 1, [one], START)
        == "2a46dfb33f4a8f7756a4400c70a395713cbe00fb51d33e24a982801526f0eee1"
    )


@given(one=ENTRIES)
def test_an_entry_comes_back_from_its_bytes(one: Entry) -> None:
    again = parse(canonical(one))
    assert (again.kind, again.at, again.subject) == (one.kind, one.at, one.subject)
    assert digest(again) == digest(one) == hashlib.sha256(canonical(one)).hexdigest()


@pytest.mark.slow
@given(one=ENTRIES, other=ENTRIES)
def test_different_entries_have_different_bytes(one: Entry, other: Entry) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


@given(data=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_bytes_are_an_entry_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        assert canonical(parse(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a"}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","subject":[]}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","subject":{"x":null}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","subject":{"x":true}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","subject":{"x":1.0}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","subject":{"x":NaN}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","subject":{"x":{}}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":1,"subject":{}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","subject":{}} ',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","more":1,"subject":{}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"a","kind":"a","subject":{}}',
        b'{"kind":"a","at":"2026-01-31T07:05:09.000123Z","subject":{}}',
        b'{"at":"2026-01-31T07:05:09.1Z","kind":"a","subject":{}}',
        b'{"at":"2026-02-30T07:05:09.000123Z","kind":"a","subject":{}}',
        b'{"at":"2026-01-31T07:05:09.000123Z","kind":"\\u0061","subject":{}}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_canonical_is_no_entry(data: bytes) -> None:
    with pytest.raises(ValueError, match="evidence entry"):
        parse(data)


@pytest.mark.parametrize(
    "wrong",
    [
        Entry(kind="Notice", at=START, subject={}),
        Entry(kind="", at=START, subject={}),
        Entry(kind="a", at=START, subject={"Name": "x"}),
        Entry(kind="a", at=START, subject={"x": "y" * 1025}),
        Entry(kind="a", at=START, subject={"x": 2**53}),
        Entry(kind="a", at=START, subject={"x": True}),
        Entry(kind="a", at=START, subject={"x": 1.5}),  # type: ignore[dict-item]  # on purpose
        Entry(kind="a", at=START, subject={"x": "\ud800"}),
        Entry(kind="a", at=START.replace(tzinfo=None), subject={}),
        Entry(kind="a", at=datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), subject={}),
    ],
)
def test_what_has_no_place_in_an_entry_is_refused(wrong: Entry) -> None:
    with pytest.raises(ValueError, match=r"evidence|surrogates"):
        canonical(wrong)


def test_a_time_is_written_in_utc_with_all_its_digits() -> None:
    assert stamp(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"
    assert stamp(datetime(33, 1, 1, tzinfo=UTC)) == "0033-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("previous", "number", "digests"),
    [
        (None, 2, ["0" * 64]),
        ("0" * 64, 1, ["0" * 64]),
        (None, 0, ["0" * 64]),
        (None, 1, []),
        (None, 1, ["0" * 63]),
        (None, 1, ["G" * 64]),
        ("", 2, ["0" * 64]),
    ],
)
def test_a_link_of_anything_else_is_refused(
    previous: str | None, number: int, digests: list[str]
) -> None:
    with pytest.raises(ValueError, match="evidence commit"):
        link(previous, number, digests, START)
