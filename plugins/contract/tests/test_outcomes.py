"""What a mailbox may answer, and what is no answer."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from postfach_mailbox import (
    Capabilities,
    Deferred,
    Deposited,
    Evidence,
    Item,
    Pending,
    Reason,
    RefusalCode,
    Refused,
    Repeat,
)
from postfach_mailbox.frames import TO_HUB, Answer
from postfach_mailbox.outcomes import EVIDENCE_MAX

EVIDENCE = Evidence(name="answer.bin", media_type="image/png", data=bytes(range(256)))
REASON = Reason(code="HTTP_503", text="service is overloaded")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def deposited(**changes: Any) -> Deposited:
    fields: dict[str, Any] = {
        "reference": "4711",
        "provided_at": NOON,
        "source": "mailbox",
        "evidence": (EVIDENCE,),
    }
    return Deposited(**fields | changes)


def test_a_deposit_without_evidence_is_no_deposit() -> None:
    with pytest.raises(ValidationError):
        deposited(evidence=())


def test_a_deposit_without_reference_is_no_deposit() -> None:
    with pytest.raises(ValidationError):
        deposited(reference="")


def test_a_time_without_zone_is_no_time_of_deposit() -> None:
    with pytest.raises(ValidationError):
        deposited(provided_at=datetime(2026, 3, 1, 12))  # noqa: DTZ001  # that is the point


def test_a_time_of_deposit_is_in_utc() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=2)))
    assert deposited(provided_at=there).provided_at == NOON
    assert deposited(provided_at=there).provided_at.utcoffset() == timedelta(0)


def test_evidence_is_at_most_64_kib() -> None:
    Evidence(name="a", media_type="text/plain", data=b"x" * EVIDENCE_MAX)
    with pytest.raises(ValidationError):
        Evidence(name="a", media_type="text/plain", data=b"x" * (EVIDENCE_MAX + 1))


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\n", "a\x00"])
def test_evidence_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValidationError):
        Evidence(name=name, media_type="text/plain", data=b"")


def test_a_refusal_has_one_of_the_known_codes() -> None:
    for code in RefusalCode:
        assert Refused(reason=Reason(code=code.value, text="no")).reason.code == code
    with pytest.raises(ValidationError):
        Refused(reason=REASON)


def test_a_mailbox_cannot_wish_to_be_asked_in_the_past() -> None:
    with pytest.raises(ValidationError):
        Deferred(reason=REASON, not_before=timedelta(seconds=-1))
    with pytest.raises(ValidationError):
        Pending(reference="1", check_after=timedelta(seconds=-1))


def test_errors_do_not_repeat_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        Reason(code="lower case", text="canary-7f3a")
    assert "lower case" not in str(caught.value)


def test_an_outcome_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        deposited().reference = "other"  # type: ignore[misc]  # frozen: the check is at run time


@pytest.mark.parametrize(
    "value",
    [
        deposited(warnings=("clock skew",)),
        Pending(reference="4711", check_after=timedelta(minutes=5)),
        Deferred(reason=REASON, not_before=timedelta(seconds=90)),
        Refused(reason=Reason(code="MALWARE", text="found", mailbox_code="E-17")),
    ],
)
def test_an_answer_is_the_same_after_its_way_to_the_hub(value: Any) -> None:
    answer = Answer(id=7, value=value)
    assert TO_HUB.validate_json(answer.model_dump_json()) == answer


def capabilities(**changes: Any) -> Capabilities:
    fields: dict[str, Any] = {
        "scheme": "archive",
        "address_pattern": "[a-z0-9]+",
        "legal_bases": frozenset({"OZG9"}),
        "assurance_level": "high",
        "max_file": 1000,
        "max_total": 2000,
        "max_count": 2,
        "repeat": Repeat.IDEMPOTENT,
    }
    return Capabilities(**fields | changes)


def test_an_address_pattern_that_could_run_for_ever_is_refused() -> None:
    with pytest.raises(ValidationError, match="ambiguous"):
        capabilities(address_pattern="(a+)+b")


def test_an_address_is_matched_whole() -> None:
    assert capabilities().normal("abc1") == "abc1"
    for other in ("abc1!", "!abc1", "abc1\n", "", "ABC"):
        assert capabilities().normal(other) is None


def test_an_address_is_brought_to_its_normal_form() -> None:
    assert capabilities(address_normal_form="lower").normal("ABC") == "abc"


def test_a_type_is_taken_without_regard_to_case_and_parameters() -> None:
    some = capabilities(media_types=("application/pdf", "text/plain"))
    assert some.takes("Text/Plain; charset=utf-8")
    assert not some.takes("image/png")
    assert capabilities().takes("image/png")


@pytest.mark.parametrize("version", ["1", "1.0.0", "one.two", "1.0000", ""])
def test_a_contract_that_is_no_version_is_refused(version: str) -> None:
    assert (
        capabilities(contract="2.0").contract == "2.0"
    )  # refused by the loader, with both numbers
    with pytest.raises(ValidationError):
        capabilities(contract=version)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"repeat": Repeat.NEITHER}, "posted twice"),
        ({"prepares": True}, "neither prepares"),
        ({"status": True}, "neither prepares"),
        ({"retrieval_events": True}, "neither prepares"),
    ],
)
def test_a_relay_that_could_post_twice_or_is_a_mailbox_is_refused(
    changes: dict[str, Any], why: str
) -> None:
    assert capabilities(relays=True).relays
    with pytest.raises(ValidationError, match=why):
        capabilities(relays=True, **changes)


@pytest.mark.parametrize(("kind", "posted"), [("post-result", None), ("reply", True)])
def test_only_what_became_of_a_letter_says_whether_it_was_posted(
    kind: str, posted: bool | None
) -> None:
    told = {"id": "1", "at": NOON, "evidence": deposited().evidence}
    assert Item.model_validate(told | {"kind": "post-result", "posted": False}).posted is False
    with pytest.raises(ValidationError, match="whether it was posted"):
        Item.model_validate(told | {"kind": kind, "posted": posted})
