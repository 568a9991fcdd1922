import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from hub import telemetry

MESSAGE_ID = "urn:de:xta:messageid:bauamt:0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e03"
CANARIES = (
    "Erika Kanarienvogel",
    "Kanarienvogel, Erika",
    "Ihr Bescheid über Kanarienvögel",
    "geheim: kanarienvogel",
    "<Text>kanarienvogel</Text>",
    "kanarienvogel\nsecond line",
    "/srv/spool/kanarienvogel.pdf",
    "kanarienvogel@example.org",
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    handlers = list(logging.getLogger().handlers)
    stream = io.StringIO()
    telemetry.set_up(stream)
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def entries(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_an_entry_is_one_line_of_json_with_level_and_time_in_utc(log: io.StringIO) -> None:
    telemetry.logger().info("notice accepted", message_id=MESSAGE_ID, tenant="rostock", count=2)
    (entry,) = entries(log)
    at = str(entry.pop("at"))
    assert at.endswith("Z")
    assert entry == {
        "event": "notice accepted",
        "level": "info",
        "message_id": MESSAGE_ID,
        "tenant": "rostock",
        "count": 2,
    }


def test_a_key_that_is_not_on_the_list_is_counted_and_not_written(log: io.StringIO) -> None:
    telemetry.logger().info("notice accepted", subject="Bescheid", recipient="anna", count=1)
    (entry,) = entries(log)
    assert entry["dropped"] == 2
    assert "Bescheid" not in log.getvalue()
    assert "anna" not in log.getvalue()


@pytest.mark.parametrize("canary", CANARIES)
def test_no_listed_key_lets_a_name_or_a_text_through(log: io.StringIO, canary: str) -> None:
    for key in telemetry.KEYS.keys() - {"event", "level", "at"}:
        telemetry.logger().info("something happened", **{key: canary})
    telemetry.logger().info(canary)
    telemetry.logger().info("something happened", count={"name": canary}, stem=[canary])
    assert "anarienv" not in log.getvalue()
    assert len(entries(log)) == len(telemetry.KEYS) - 3 + 2
    assert entries(log)[-2]["event"] == telemetry.HIDDEN


def test_of_an_exception_the_class_and_the_places_are_written_and_not_its_text(
    log: io.StringIO,
) -> None:
    try:
        int("Erika Kanarienvogel")
    except ValueError:
        telemetry.logger().exception("a notice failed")
    (entry,) = entries(log)
    assert entry["error"] == "ValueError"
    assert str(entry["places"]).startswith("['test_telemetry.py:")
    assert "anarienv" not in log.getvalue()


def test_an_exception_may_be_given_as_itself(log: io.StringIO) -> None:
    telemetry.logger().warning("a notice failed", exc_info=OSError("kanarienvogel"))
    telemetry.logger().warning("a notice failed", exc_info=True)
    first, second = entries(log)
    assert (first["error"], first["places"]) == ("OSError", [])
    assert "error" not in second
    assert "kanarienvogel" not in log.getvalue()


def test_what_libraries_log_is_reduced_to_who_spoke(log: io.StringIO) -> None:
    try:
        int("kanarienvogel")
    except ValueError:
        logging.getLogger("some.library").exception("a job of %s failed", "kanarienvogel")
    logging.getLogger("some.library").info("kanarienvogel")
    (entry,) = entries(log)
    assert entry["library"] == "some.library"
    assert entry["error"] == "ValueError"
    assert "kanarienvogel" not in log.getvalue()


def test_setting_up_twice_does_not_double_what_libraries_log(log: io.StringIO) -> None:
    telemetry.set_up(log)
    logging.getLogger("some.library").warning("once")
    assert len(entries(log)) == 1


def test_people_get_a_line_with_time_level_and_event(log: io.StringIO) -> None:
    telemetry.set_up(log, readable=True)
    telemetry.logger().warning("mailbox away", mailbox="archive", seconds=1.5, subject="Bescheid")
    assert log.getvalue()[8:] == " warning mailbox away mailbox=archive seconds=1.5 dropped=1\n"


def test_a_log_that_cannot_be_written_stops_no_work(log: io.StringIO) -> None:
    closed = io.StringIO()
    telemetry.set_up(closed, readable=False)
    closed.close()
    telemetry.logger().info("still alive")


@given(st.dictionaries(st.sampled_from(sorted(telemetry.KEYS)) | st.text(), st.text()), st.text())
def test_any_entry_is_one_line_that_holds_no_space_in_a_value(
    given_: dict[str, str], event: str
) -> None:
    kept = telemetry._keep_allowed(None, "info", {**given_, "event": event})
    assert kept.keys() <= {*telemetry.KEYS, "dropped"}
    texts = [str(value) for key, value in kept.items() if key != "event"]
    assert all(text == telemetry.HIDDEN or not any(map(str.isspace, text)) for text in texts)
    assert telemetry._line(None, "info", kept).isprintable()
