"""Submitting: what is sent, and what its answers mean."""

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from postfach_fitconnect import Attachment, Data, FitConnect, Reference, Service
from postfach_fitconnect.api import Api
from postfach_fitconnect.assumed import EventType, Problem
from postfach_fitconnect.jwe import Recipient, opened
from postfach_fitconnect.sending import Spoilt, Upload
from postfach_fitconnect.testkit import (
    DESTINATION,
    SCHEMA,
    SERVICE,
    Far,
    Keys,
    Submission,
    answer,
    problem,
)
from postfach_fitconnect.testkit.parcels import (
    OTHER,
    PDF,
    attachment,
    deposit,
    giving,
    left,
    parcel,
    raising,
)
from postfach_http import Answer, Lost, NotConnected
from postfach_mailbox import Deferred, Deposited, KeepFailed, Pending, Refused
from postfach_mailbox.cipher import Damaged


@pytest.mark.slow
def test_submit_alone_is_pending_with_its_tokens_as_evidence(service: Service, far: Far) -> None:
    outcome, kept = deposit(service)
    assert isinstance(outcome, Pending)
    found = far.only
    assert kept == [outcome.reference]
    assert Reference.read(outcome.reference) == Reference(
        submission=found.id, destination=DESTINATION, case=found.case
    )
    assert [each.data.decode() for each in outcome.evidence] == found.log
    assert [each.name for each in outcome.evidence] == [
        "01-create-submission.jwt",
        "02-submit-submission.jwt",
    ]


def test_what_arrives_is_what_was_handed_in(service: Service, far: Far, keys: Keys) -> None:
    sent = parcel(attachment(), attachment(OTHER, filename="b.xml", media_type="text/xml"))
    deposit(service, sent)
    found, key = far.only, keys.encryption
    assert found.announced == [each.id for each in sent.attachments]
    assert found.submitted is not None
    data = found.submitted["encryptedData"].encode()
    assert opened(data, key.private, key.kid, "application/json") == sent.data.content
    for each, clear in zip(sent.attachments, (PDF, OTHER), strict=True):
        assert opened(found.uploaded[each.id], key.private, key.kid, each.media_type) == clear
    metadata = json.loads(
        opened(found.submitted["encryptedMetadata"].encode(), key.private, key.kid)
    )
    structure = metadata["contentStructure"]
    assert structure["data"]["submissionSchema"]["schemaUri"] == SCHEMA
    assert structure["data"]["hash"]["content"] == hashlib.sha512(sent.data.content).hexdigest()
    assert [
        (each["attachmentId"], each["filename"], each["mimeType"], each["hash"]["content"])
        for each in structure["attachments"]
    ] == [
        (one.id, one.filename, one.media_type, hashlib.sha512(clear).hexdigest())
        for one, clear in zip(sent.attachments, (PDF, OTHER), strict=True)
    ]
    assert metadata["publicServiceType"]["identifier"] == SERVICE
    assert "replyChannel" not in metadata
    assert not [body for body in far.bodies if b"Canary " in body]


def test_the_reference_is_kept_before_the_first_upload(service: Service, far: Far) -> None:
    def keep(reference: str) -> None:
        assert not far.only.uploaded
        assert Reference.read(reference).submission == far.only.id
        raise KeepFailed("not committed")

    outcome = service.deposit(parcel(attachment()), keep, left)
    assert isinstance(outcome, Deferred)
    assert far.calls[-1] == "POST /v2/submissions"


def test_a_submission_that_was_accepted_at_once_is_deposited(service: Service, far: Far) -> None:
    def accepted() -> Answer:
        far.tell(far.only, EventType.ACCEPT, by="destination")
        return answer(202)

    far.after("PUT /v2/submissions/", giving(answer(204)))
    far.after("PUT /v2/submissions/", accepted)
    outcome, _ = deposit(service, parcel(attachment()))
    assert isinstance(outcome, Deposited)


def test_an_accept_with_the_tags_of_something_else_does_not_count(
    service: Service, far: Far
) -> None:
    def accepted() -> Answer:
        tags = {"metadata": "x", "data": "y", "attachments": {}}
        far.tell(far.only, EventType.ACCEPT, by="destination", authenticationTags=tags)
        return answer(202)

    far.after("PUT /v2/submissions/", accepted)
    outcome, _ = deposit(service, parcel())
    assert isinstance(outcome, Pending)
    assert outcome.evidence[-1].name == "03-refused-tags.txt"


@pytest.mark.parametrize(
    "failure",
    [
        raising(Lost("x")),
        raising(NotConnected("x")),
        giving(answer(500)),
        giving(answer(404)),
        giving(problem(Problem.SUBMISSION_UNKNOWN)),
        giving(answer(200, b"[")),
        giving(answer(200, {"eventLog": 1})),
    ],
    ids=["lost", "away", "500", "404", "unknown", "no JSON", "no list"],
)
def test_what_the_log_says_after_submitting_does_not_undo_it(
    service: Service, far: Far, failure: Callable[[], Answer]
) -> None:
    far.before("GET /v2/submissions/", failure)
    outcome, kept = deposit(service)
    assert isinstance(outcome, Pending)
    assert kept == [outcome.reference]


def spoilt(kind: str) -> Attachment:
    def damaged() -> io.BytesIO:
        raise Damaged("no")

    match kind:
        case "short":
            return attachment(PDF, size=len(PDF) + 1)
        case "long":
            return attachment(PDF, size=len(PDF) - 1)
        case "other":
            return attachment(PDF, sha512="0" * 128)
    return attachment(PDF, open=damaged)


@pytest.mark.parametrize("kind", ["short", "long", "other", "damaged"])
def test_a_document_that_is_not_what_was_announced_is_never_submitted(
    service: Service, far: Far, kind: str
) -> None:
    outcome, _ = deposit(service, parcel(attachment(OTHER), spoilt(kind)))
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "PAYLOAD_DAMAGED"
    assert len(far.only.uploaded) == 1
    assert far.only.submitted is None


def test_a_document_that_is_called_taken_half_way_is_not_submitted(
    service: Service, far: Far
) -> None:
    cut = Answer(status=204, headers={}, body=b"", sent=False)
    far.before("PUT /v2/submissions/", giving(cut))
    outcome, _ = deposit(service)
    assert isinstance(outcome, Deferred)
    assert far.only.submitted is None


def test_streams_are_closed(service: Service, far: Far) -> None:
    opened_: list[io.BytesIO] = []

    def open_() -> io.BytesIO:
        opened_.append(io.BytesIO(PDF))
        return opened_[-1]

    deposit(service, parcel(attachment(PDF, open=open_)))
    deposit(service, parcel(attachment(PDF, open=open_, size=5)))
    assert len(opened_) == 2
    assert all(each.closed for each in opened_)


def test_limits_hold_before_anything_is_asked(settings: FitConnect, far: Far) -> None:
    service = Service(settings.model_copy(update={"max_file": 5}), Api(settings, far))
    data = Data(content=bytes(5 * 1024 * 1024), schema=SCHEMA)
    for sent in (
        parcel(attachment(b"123456")),
        parcel(data=data),
        parcel(*[attachment(b"1")] * 101),
    ):
        outcome, _ = deposit(service, sent)
        assert isinstance(outcome, Refused)
        assert outcome.reason.code == "TOO_LARGE"
    assert far.calls == []


def test_a_case_goes_on(service: Service, far: Far) -> None:
    made = Submission(id=DESTINATION, case=DESTINATION, announced=[])
    body = {"submissionId": made.id, "caseId": made.case}
    far.submissions[made.id] = made
    far.after("POST /v2/submissions", giving(answer(201, body)))
    outcome, _ = deposit(service, parcel(case=DESTINATION))
    assert isinstance(outcome, Pending)
    order = next(each for each in far.bodies if b"announcedAttachments" in each)
    assert json.loads(order)["caseId"] == DESTINATION
    outcome, _ = deposit(service, parcel(case=DESTINATION))
    assert isinstance(outcome, Deferred)  # the service named another case


def test_of_a_document_that_is_too_long_no_more_is_sent_than_announced(keys: Keys) -> None:
    recipient = Recipient(key=keys.encryption.private.public_key(), kid="kid")
    body = Upload(attachment(bytes(10**6), size=70_000), recipient).body
    sent: list[int] = []
    with pytest.raises(Spoilt):
        sent.extend(map(len, body.pieces()))
    assert sum(sent) < body.length


def test_a_stream_is_closed_when_sending_ends_early(settings: FitConnect, keys: Keys) -> None:
    stream, failure = io.BytesIO(PDF), Lost("x")

    class Breaking(Far):
        def ask(self, method: str, path: str, **more: Any) -> Answer:
            if method == "PUT":
                next(more["body"])
                next(more["body"])
                raise failure
            return super().ask(method, path, **more)

    recipient = Recipient(key=keys.encryption.private.public_key(), kid="kid")
    upload = Upload(attachment(PDF, open=lambda: stream), recipient)
    with pytest.raises(Lost):
        Api(settings, Breaking(keys)).ask("PUT", "/v2/x", body=upload.body, left=left)
    assert failure.__traceback__ is not None  # it holds what would else be closed by and by
    assert stream.closed
