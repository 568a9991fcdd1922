"""What each answer of the service means to a message."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from postfach_http import Answer
from postfach_mailbox import Deferred, Deposited, Held, Outcome, Refused, Unknown
from postfach_mailbox_bundid import answers
from postfach_mailbox_bundid.assumed import ANSWERS, CODE, Code

OUTCOMES = {
    Code.MAILBOX_UNKNOWN: ("refused", "RECIPIENT_UNKNOWN"),
    Code.MAILBOX_DELETED: ("refused", "RECIPIENT_DELETED"),
    Code.TRUST_LEVEL_TOO_LOW: ("refused", "TRUST_LEVEL"),
    Code.TOO_LARGE: ("refused", "TOO_LARGE"),
    Code.TYPE_REFUSED: ("refused", "TYPE_REFUSED"),
    Code.MALWARE_FOUND: ("refused", "MALWARE"),
    Code.REQUEST_INVALID: ("held", "HTTP_400"),
    Code.SCHEMA_INVALID: ("refused", "CONTENT_INVALID"),
    Code.SIGNATURE_INVALID: ("held", "HTTP_400"),
    Code.ATTACHMENT_MISSING: ("refused", "CONTENT_INVALID"),
    Code.ATTACHMENT_UNDECLARED: ("refused", "CONTENT_INVALID"),
    Code.ATTACHMENT_ORDER: ("refused", "CONTENT_INVALID"),
    Code.DIGEST_WRONG: ("refused", "CONTENT_INVALID"),
    Code.LENGTH_WRONG: ("refused", "CONTENT_INVALID"),
    Code.TOKEN_INVALID: ("held", "HTTP_401"),
    Code.CERTIFICATE_REFUSED: ("held", "HTTP_403"),
    Code.ROLE_MISSING: ("held", "HTTP_403"),
    Code.STATE_BACKWARDS: ("refused", "OTHER"),
    Code.NOT_FOUND: ("held", "HTTP_404"),
    Code.BUSY: ("deferred", "HTTP_429"),
    Code.BROKEN: ("unknown", "HTTP_500"),
    Code.AWAY: ("unknown", "HTTP_503"),
}


def answer(
    status: int, body: object, *, date: str = "", whole: bool = True, sent: bool = True
) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={"date": date}, body=data, whole=whole, sent=sent)


def said(outcome: Outcome) -> tuple[str, str]:
    assert isinstance(outcome, Deferred | Refused | Held | Unknown), outcome
    return outcome.kind, outcome.reason.code


def test_the_table_of_answers_is_whole() -> None:
    assert set(OUTCOMES) == set(ANSWERS) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_each_code_has_its_outcome(code: Code) -> None:
    outcome = answers.message(answer(ANSWERS[code].status, {CODE: code}))
    assert said(outcome) == OUTCOMES[code]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, "unknown"),
        (302, "unknown"),
        (400, "unknown"),
        (401, "held"),
        (403, "held"),
        (404, "unknown"),
        (408, "deferred"),
        (410, "unknown"),
        (413, "refused"),
        (422, "unknown"),
        (429, "deferred"),
        (500, "unknown"),
        (503, "unknown"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code":7}', b'{"code":"NEW_ONE"}'])
def test_an_answer_without_a_code_of_the_service_says_nothing_of_a_mailbox(
    status: int, kind: str, body: bytes
) -> None:
    assert said(answers.message(answer(status, body)))[0] == kind


@pytest.mark.parametrize("status", [302, 500, 503])
def test_a_code_does_not_count_where_its_status_says_otherwise(status: int) -> None:
    body = {CODE: Code.MAILBOX_DELETED}
    assert said(answers.message(answer(status, body)))[0] == "unknown"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_was_not_sent_whole_was_not_stored(status: int) -> None:
    assert said(answers.message(answer(status, b"", sent=False)))[0] == "deferred"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b'{"messageId":""}', b'{"messageId":7}', b'"x"', b'{"messageId":"a"'],
)
def test_a_deposit_that_names_no_message_is_in_doubt(body: bytes) -> None:
    assert said(answers.message(answer(200, body))) == ("unknown", "ANSWER_UNREADABLE")


def test_a_deposit_whose_answer_is_cut_is_in_doubt() -> None:
    cut = answer(200, {"messageId": "a"}, whole=False)
    assert said(answers.message(cut)) == ("unknown", "ANSWER_UNREADABLE")


@pytest.mark.parametrize("created", [None, 7, "yesterday", "2026-02-03T10:00:00"])
def test_without_the_services_own_time_the_answers_date_counts(created: object) -> None:
    date = "Tue, 03 Feb 2026 10:00:00 GMT"
    body = {"messageId": "a", "createdDate": created}
    outcome = answers.message(answer(200, body, date=date))
    assert isinstance(outcome, Deposited)
    assert outcome.source == "http-date"
    assert outcome.provided_at == datetime(2026, 2, 3, 10, tzinfo=UTC)
    outcome = answers.message(answer(200, body))
    assert isinstance(outcome, Deposited)
    assert outcome.source == "hub-clock"
    assert datetime.now(UTC) - outcome.provided_at < timedelta(minutes=1)


def test_an_answer_that_says_more_than_we_know_stays_out_of_receipts() -> None:
    outcome = answers.message(answer(200, {"messageId": "a", "recipient": "x"}))
    assert isinstance(outcome, Deposited)
    assert not outcome.evidence[0].in_receipt
