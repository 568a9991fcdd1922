"""What an answer, or its want, means to a notice everywhere."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from postfach_http import Answer, Failed, Lost, NotConnected, NotTrusted, outcomes
from postfach_mailbox import Deferred, RefusalCode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def answer(status: int, body: bytes = b"", *, sent: bool = True, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=body, sent=sent)


@pytest.mark.parametrize(
    ("status", "sent", "kind"),
    [
        (200, True, None),
        (201, False, None),
        (302, True, None),
        (400, True, None),
        (401, True, "held"),
        (403, False, "held"),
        (404, True, None),
        (408, True, "deferred"),
        (413, False, None),
        (429, True, "deferred"),
        (500, True, "unknown"),
        (500, False, "deferred"),
        (503, True, "unknown"),
        (503, False, "deferred"),
        (599, True, "unknown"),
    ],
)
def test_each_status_has_its_meaning(status: int, sent: bool, kind: str | None) -> None:
    outcome = outcomes.of_answer(answer(status, sent=sent))
    assert (outcome.kind if outcome else None) == kind
    if outcome is not None:
        assert getattr(outcome, "reason").code == f"HTTP_{status}"  # noqa: B009


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        (NotConnected("no connection"), "deferred", "UNREACHABLE"),
        (NotTrusted("no TLS connection"), "held", "TLS"),
        (Lost("no answer"), "unknown", "ANSWER_LOST"),
        (Failed("something"), "unknown", "ANSWER_LOST"),
    ],
)
def test_each_failure_has_its_meaning(failure: Failed, kind: str, code: str) -> None:
    outcome = outcomes.of_failure(failure)
    assert (outcome.kind, getattr(outcome, "reason").code) == (kind, code)  # noqa: B009


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("99999999999999999999", 7 * 86400),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=900), usegmt=True), 7 * 86400),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0663", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
    ],
)
def test_patience_is_asked_for_in_seconds_or_by_a_date(wish: str, seconds: int | None) -> None:
    found = outcomes.retry_after(answer(503, retry_after=wish), NOW)
    assert found == (timedelta(seconds=seconds) if seconds is not None else None)


def test_a_date_is_taken_against_the_clock_that_wrote_it() -> None:
    """The service's clock is an hour ahead."""
    ahead = NOW + timedelta(hours=1)
    said = answer(
        429,
        date=format_datetime(ahead, usegmt=True),
        retry_after=format_datetime(ahead + timedelta(seconds=60), usegmt=True),
    )
    outcome = outcomes.of_answer(said)
    assert isinstance(outcome, Deferred)
    assert outcome.not_before == timedelta(seconds=60)


def test_a_busy_service_is_left_alone_as_long_as_it_wants() -> None:
    outcome = outcomes.of_answer(answer(429, retry_after="30"))
    assert isinstance(outcome, Deferred)
    assert outcome.not_before == timedelta(seconds=30)


def test_the_date_of_an_answer_is_read() -> None:
    said = answer(200, date="Sun, 01 Mar 2026 13:00:00 +0100")
    assert outcomes.http_date(said) == NOW
    assert outcomes.http_date(answer(200)) is None
    assert outcomes.http_date(answer(200, date="yesterday")) is None


def problem(fields: object, kind: str = "application/problem+json; charset=utf-8") -> Answer:
    return answer(403, json.dumps(fields).encode(), content_type=kind)


def test_of_a_problem_only_safe_fields_reach_a_reason() -> None:
    said = problem(
        {
            "type": "https://schema.example/problems/no-right",
            "title": "No right\n<b>here</b>" + "x" * 500,
            "status": 403,
            "detail": "canary-detail",
            "instance": "canary-instance",
        }
    )
    outcome = outcomes.of_answer(said)
    text = str(getattr(outcome, "reason").text)  # noqa: B009
    assert "https://schema.example/problems/no-right" in text
    assert "No right??b?here" in text
    assert "canary" not in text
    assert len(text) < 400


@pytest.mark.parametrize(
    "said",
    [
        problem({"title": "x"}, "application/json"),
        problem(["title"]),
        answer(403, b"{", content_type="application/problem+json"),
        answer(403, b"[" * 100_000, content_type="application/problem+json"),
        Answer(
            status=403,
            headers={"content-type": "application/problem+json"},
            body=b'{"title": "cut"}',
            whole=False,
        ),
    ],
)
def test_what_is_no_problem_json_is_passed_over(said: Answer) -> None:
    assert outcomes.problem(said) is None
    assert outcomes.of_answer(said) is not None


def test_fields_of_other_types_are_passed_over() -> None:
    found = outcomes.problem(problem({"type": 5, "title": {"a": "b"}}))
    assert found == outcomes.Problem(type="about:blank", title="")


def test_a_refusal_carries_the_service_s_own_code() -> None:
    outcome = outcomes.refused(RefusalCode.TOO_LARGE, "too large", "HTTP_413")
    assert (outcome.reason.code, outcome.reason.mailbox_code) == ("TOO_LARGE", "HTTP_413")
