"""The chain of the evidence log: any change of the past is found, and where it is."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.evidence import Commit, Entry, Head, canonical, check_chain, digest, link
from tests.unit.test_evidence import ENTRIES, START, entry


def chain(batches: list[list[Entry]], previous: str | None = None) -> list[Commit]:
    commits: list[Commit] = []
    for number, entries in enumerate(batches, start=1):
        at = START + timedelta(seconds=number)
        digests = [digest(one) for one in entries]
        previous = link(previous, number, digests, at)
        stored = tuple((canonical(one), digest(one)) for one in entries)
        commits.append(Commit(number=number, at=at, entries=stored, link=previous))
    return commits


def three() -> list[Commit]:
    """Give three commits of two entries each."""
    return chain([[entry(1), entry(2)], [entry(3), entry(4)], [entry(5), entry(6)]])


def changed(commit: Commit, **fields: object) -> Commit:
    old = {name: getattr(commit, name) for name in ("number", "at", "entries", "link")}
    return Commit(**{**old, **fields})


def head(commit: Commit) -> Head:
    return Head(number=commit.number, link=commit.link)


def test_a_stranger_computes_the_chain_with_json_and_sha256_alone() -> None:
    """Follows the module's description, not its code."""
    previous = None
    for commit in three():
        digests = [hashlib.sha256(data).hexdigest() for data, _ in commit.entries]
        text = json.dumps(
            {
                "at": commit.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "entries": digests,
                "number": commit.number,
                "previous": previous,
            },
            separators=(",", ":"),
        )
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert commit.link == previous


@pytest.mark.slow
@settings(max_examples=30)
@given(batches=st.lists(st.lists(ENTRIES, min_size=1, max_size=4), max_size=5))
def test_a_chain_as_it_was_written_holds(batches: list[list[Entry]]) -> None:
    commits = chain(batches)
    assert list(check_chain(commits)) == []
    for place, known in enumerate(commits):
        assert list(check_chain(commits, end=head(known))) == []
        assert list(check_chain(commits[place + 1 :], after=head(known))) == []


def swap_entries(commit: Commit) -> Commit:
    return changed(commit, entries=commit.entries[::-1])


def alter_entry(commit: Commit) -> Commit:
    data, stored = commit.entries[0]
    return changed(commit, entries=((data.replace(b"n-", b"m-"), stored), *commit.entries[1:]))


def replace_entry(commit: Commit) -> Commit:
    new = entry(99)
    return changed(commit, entries=((canonical(new), digest(new)), *commit.entries[1:]))


def back_date_entry(commit: Commit) -> Commit:
    new = Entry(kind="notice.accepted", at=START - timedelta(days=1), subject={"notice": "n-1"})
    return changed(commit, entries=((canonical(new), digest(new)), *commit.entries[1:]))


def rewrite_alone(commit: Commit) -> Commit:
    """Alter an entry and compute the commit's own link anew, as one would who knows how."""
    new = replace_entry(commit)
    digests = [stored for _, stored in new.entries]
    return changed(
        new, link=link("0" * 64 if new.number > 1 else None, new.number, digests, new.at)
    )


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "attack",
    [
        swap_entries,
        alter_entry,
        replace_entry,
        back_date_entry,
        pytest.param(
            lambda commit: changed(commit, at=commit.at - timedelta(microseconds=1)),
            id="dated back",
        ),
        pytest.param(
            lambda commit: changed(commit, entries=commit.entries[1:]), id="an entry dropped"
        ),
        pytest.param(
            lambda commit: changed(commit, entries=(*commit.entries, commit.entries[0])),
            id="an entry doubled",
        ),
        pytest.param(lambda commit: changed(commit, entries=()), id="all entries dropped"),
        pytest.param(lambda commit: changed(commit, link="0" * 64), id="another link"),
        pytest.param(lambda commit: changed(commit, link="no link"), id="no link"),
        pytest.param(lambda commit: changed(commit, number=commit.number + 7), id="another number"),
    ],
)
def test_a_commit_that_was_touched_is_found_where_it_is(
    place: int, attack: Callable[[Commit], Commit]
) -> None:
    commits = three()
    commits[place] = attack(commits[place])
    found = list(check_chain(commits))
    assert found
    assert found[0].commit == commits[place].number


def test_one_touched_commit_does_not_blame_the_others() -> None:
    commits = three()
    commits[1] = alter_entry(commits[1])
    assert [(f.commit, f.entry) for f in check_chain(commits)] == [(2, 0)]


def test_a_link_computed_anew_breaks_the_next_one_or_the_checkpoint() -> None:
    for place in range(3):
        commits = three()
        known = head(commits[2])
        commits[place] = rewrite_alone(commits[place])
        assert list(check_chain(commits, end=known))


@given(order=st.permutations(range(3)).filter(lambda order: order != [0, 1, 2]))
def test_commits_in_another_order_are_found(order: list[int]) -> None:
    commits = three()
    assert list(check_chain([commits[n] for n in order]))


@pytest.mark.parametrize("place", [0, 1])
def test_a_commit_that_was_dropped_is_found(place: int) -> None:
    commits = three()
    del commits[place]
    assert list(check_chain(commits))


def test_a_commit_put_in_twice_is_found() -> None:
    commits = three()
    assert list(check_chain([*commits, commits[2]]))


def test_a_cut_end_shows_against_a_checkpoint_and_only_there() -> None:
    commits = three()
    assert list(check_chain(commits[:2])) == []
    found = list(check_chain(commits[:2], end=head(commits[2])))
    assert [(f.commit, f.what) for f in found] == [(3, "the commit of the checkpoint is missing")]
    assert list(check_chain([], end=head(commits[2])))


def test_a_chain_written_wholly_anew_shows_against_a_checkpoint_and_only_there() -> None:
    known = head(three()[1])
    forged = chain([[entry(1), entry(2)], [entry(33), entry(4)], [entry(5)]])
    assert list(check_chain(forged)) == []
    assert [f.commit for f in check_chain(forged, end=known)] == [2]


def test_a_chain_goes_on_only_from_the_head_that_was_known() -> None:
    commits = three()
    wrong = Head(number=1, link="0" * 64)
    assert [f.commit for f in check_chain(commits[1:], after=wrong)] == [2]
