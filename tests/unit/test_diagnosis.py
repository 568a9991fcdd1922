"""The explanation of a refusal: in time, or none at all."""

from collections.abc import Iterator

import pytest

from hub.clock import system_clock
from hub.diagnosis import Diagnoser
from tests.unit.test_envelope import MINIMAL

pytestmark = pytest.mark.slow


@pytest.fixture
def diagnoser() -> Iterator[Diagnoser]:
    made = Diagnoser(system_clock(), time_limit=20.0)
    yield made
    made.close()


def test_what_the_schema_refuses_is_explained_with_line_and_path(diagnoser: Diagnoser) -> None:
    found = diagnoser.explain(MINIMAL.replace(b"<Subject>", b"<Betreff/><Subject>"))
    assert found is not None
    assert found.path.startswith("/Notice")
    assert found.line is not None
    assert "Subject" in found.expected


def test_a_child_that_was_killed_is_started_again(diagnoser: Diagnoser) -> None:
    bad = MINIMAL.replace(b"<Subject>", b"<Betreff/><Subject>")
    assert diagnoser.explain(bad)
    assert diagnoser.child is not None
    diagnoser.child.kill()
    diagnoser.child.wait()
    diagnoser.explain(bad)
    assert diagnoser.explain(bad)


def test_no_time_means_no_explanation_and_no_harm() -> None:
    made = Diagnoser(system_clock(), time_limit=0.0)
    assert made.explain(MINIMAL.replace(b"<Subject>", b"<Betreff/><Subject>")) is None
    made.close()
