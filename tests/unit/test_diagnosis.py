"""The diagnosing child: what it adds, and that it can neither hold up nor hurt the hub."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import envelope, schemas
from hub.clock import system_clock
from hub.diagnosis import MAX_ENVELOPE, Diagnoser
from hub.diagnosis.__main__ import MEMORY_LIMIT, diagnose, load
from hub.errors import NoticeRefused

pytestmark = pytest.mark.slow  # real children are started and killed
EXAMPLES = schemas.folder() / "examples"
MINIMAL = (EXAMPLES / "notice-minimal.xml").read_text("utf-8")
SCHEMA = load()
PATIENCE = 30.0  # seconds: the machine may be busy; what must be quick is measured by itself


@pytest.fixture
def diagnoser() -> Iterator[Diagnoser]:
    asked = Diagnoser(system_clock(), time_limit=PATIENCE)
    yield asked
    asked.close()


def changed(old: str, new: str) -> bytes:
    assert old in MINIMAL
    return MINIMAL.replace(old, new, 1).encode()


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ('size="594"', 'size="x"', "/Notice/Document/@size", "pattern [1-9][0-9]{0,15}"),
        (">Ihr Bescheid<", f">{'x' * 1025}<", "/Notice/Subject", "maxLength 1024"),
        (">substantial<", ">x<", "/Notice/AssuranceLevel", ""),
        ("2026-02-03", "2026-02-30", "/Notice/CreatedAt", ""),
        (' size="594"', "", "/Notice/Document/@size", ""),
        ('role="notice"', 'role="notice" a="1"', "/Notice/Document/@a", ""),
        ("<MailboxUse/>", "", "/Notice/LegalBasis", "required next: Subject"),
        ("<x/>", "", "/Notice", "required next: Document"),
    ],
)
def test_the_broken_rule_is_named_at_the_place_that_the_verdict_names(
    old: str, new: str, path: str, expected: str
) -> None:
    if old == "<MailboxUse/>":
        data = changed("  <Subject>Ihr Bescheid</Subject>\n", "")
    elif old == "<x/>":
        data = (MINIMAL[: MINIMAL.index("  <Document")] + "</Notice>").encode()
    else:
        data = changed(old, new)
    found = diagnose(SCHEMA, data)
    assert found is not None
    assert (found.path, found.expected) == (path, expected)
    with pytest.raises(NoticeRefused) as caught:
        envelope.read(data, envelope.Limits())
    assert (caught.value.path, caught.value.line) == (found.path, found.line)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "bad").glob("*-*.xml")), ids=lambda p: p.stem)
def test_a_diagnosis_shows_no_value_of_the_envelope(path: Path) -> None:
    data = path.read_bytes().replace(b"anna", b"CANARY").replace(b"Ihr Bescheid", b"CANARY")
    if path.stem in ("notice-doctype", "notice-latin1", "notice-cut"):
        return  # never comes so far
    found = diagnose(SCHEMA, data)
    assert found is None or "CANARY" not in f"{found.path} {found.expected}"


def test_an_envelope_without_fault_has_no_diagnosis(diagnoser: Diagnoser) -> None:
    assert diagnoser.explain(MINIMAL.encode()) is None


def test_detail_reaches_the_refusal(diagnoser: Diagnoser) -> None:
    with pytest.raises(NoticeRefused) as caught:
        envelope.read(changed('size="594"', 'size="x"'), envelope.Limits(), diagnoser.explain)
    assert caught.value.what.endswith("(pattern [1-9][0-9]{0,15})")


def test_one_child_answers_many_and_is_started_when_first_asked(diagnoser: Diagnoser) -> None:
    children = [diagnoser.child]
    data = changed(">substantial<", ">x<")
    answers = []
    for _ in range(2):
        answers.append(diagnoser.explain(data))
        children.append(diagnoser.child)
    assert answers[0] == answers[1]
    assert children[0] is None
    assert children[1] is children[2] is not None


def test_a_child_that_died_is_started_again(diagnoser: Diagnoser) -> None:
    data = changed(">substantial<", ">x<")
    first = diagnoser.explain(data)
    assert diagnoser.child is not None
    diagnoser.child.kill()
    diagnoser.child.wait()
    assert diagnoser.explain(data) is None
    assert diagnoser.explain(data) == first


def test_a_child_that_does_not_answer_in_time_is_killed(diagnoser: Diagnoser) -> None:
    data = changed(">substantial<", ">x<")
    assert diagnoser.explain(data) is not None
    stuck = diagnoser.child
    assert stuck is not None
    os.kill(stuck.pid, signal.SIGSTOP)
    diagnoser.time_limit = 0.2
    before = time.monotonic()
    assert diagnoser.explain(data) is None
    assert time.monotonic() - before < 1.5
    assert stuck.returncode == -signal.SIGKILL
    diagnoser.time_limit = PATIENCE
    assert diagnoser.explain(data) is not None


def test_a_child_that_is_slow_to_start_is_left_to_it(diagnoser: Diagnoser) -> None:
    data = changed(">substantial<", ">x<")
    diagnoser.start()
    assert diagnoser.child is not None
    child = diagnoser.child
    diagnoser.time_limit = 0.0
    assert diagnoser.explain(data) is None
    diagnoser.time_limit = PATIENCE
    assert diagnoser.explain(data) is not None
    assert diagnoser.child is child


def test_a_child_that_chokes_costs_one_explanation(diagnoser: Diagnoser) -> None:
    assert diagnoser.explain(b"no XML at all") is None
    assert diagnoser.explain(changed(">substantial<", ">x<")) is not None


def test_a_large_envelope_is_not_even_shown_to_the_child(diagnoser: Diagnoser) -> None:
    assert diagnoser.explain(b" " * (MAX_ENVELOPE + 1)) is None
    assert diagnoser.child is None


def test_the_child_is_limited_in_memory(diagnoser: Diagnoser) -> None:
    assert diagnoser.explain(MINIMAL.encode()) is None
    assert diagnoser.child is not None
    limits = resource.prlimit(diagnoser.child.pid, resource.RLIMIT_AS)
    assert limits == (MEMORY_LIMIT, MEMORY_LIMIT)


def test_closing_ends_the_child_and_may_be_done_twice(diagnoser: Diagnoser) -> None:
    diagnoser.start()
    child = diagnoser.child
    assert child is not None
    diagnoser.close()
    diagnoser.close()
    assert child.returncode is not None
