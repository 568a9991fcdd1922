"""Create a submission, upload its documents, submit it.

Only the last request deposits anything. Whatever fails before it, a lost answer too, leaves a
submission that no one will submit any more: the next attempt makes a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from postfach_fitconnect.api import Api, Unreadable, json_body, path, read, text
from postfach_fitconnect.asking import Left
from postfach_fitconnect.assumed import (
    ATTACHMENT,
    ATTACHMENTS_MAX,
    CREATED,
    DATA_BYTES_MAX,
    SUBMISSION,
    SUBMISSIONS,
    SUBMITTED,
    UPLOADED,
    Problem,
)
from postfach_fitconnect.destinations import Destinations, Fault, Unusable
from postfach_fitconnect.ending import Ended, failed_before, problem, unsubmitted
from postfach_fitconnect.jwe import Recipient, whole
from postfach_fitconnect.metadata import public_service, written
from postfach_fitconnect.parcel import UUID, Parcel, Reference
from postfach_fitconnect.replykey import ReplyKey
from postfach_fitconnect.sending import Spoilt, Upload, submit_body
from postfach_fitconnect.sets import Tags
from postfach_http import Answer, Failed
from postfach_http import outcomes as common
from postfach_http.outcomes import deferred, held, refused, unknown
from postfach_mailbox import Keep, KeepFailed, Outcome, RefusalCode
from postfach_mailbox.cipher import Damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A submission that the service took."""

    reference: Reference
    tags: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class _Created:
    """A submission that is not submitted yet."""

    reference: Reference
    recipient: Recipient
    reply_key: Mapping[str, Any] | None


class Submitting:
    """Makes submissions. Safe for threads."""

    def __init__(
        self, api: Api, destinations: Destinations, reply_key: ReplyKey | None, max_file: int
    ) -> None:
        """Take what is shared with other calls."""
        self._api, self._destinations = api, destinations
        self._reply_key, self._max_file = reply_key, max_file

    def submit(self, parcel: Parcel, keep: Keep, left: Left) -> Submitted:
        """Do it. Raises Ended: it was not, or may not have been, submitted; the outcome says."""
        try:
            _check(parcel, self._max_file)
            created = self._create(parcel, left)
            keep(created.reference.text)
            uploads = self._upload(parcel, created, left)
        except KeepFailed:
            text = "the hub did not keep the submission's id; nothing was uploaded"
            raise Ended(deferred("NOT_KEPT", text)) from None
        except Unusable as error:
            raise Ended(self._unusable(error, parcel)) from error
        except (Damaged, Spoilt):
            raise Ended(deferred("PAYLOAD_DAMAGED", "stored content is damaged")) from None
        except Failed as failure:
            raise Ended(failed_before(failure)) from failure
        return self._submit(parcel, created, uploads, left)

    def _create(self, parcel: Parcel, left: Left) -> _Created:
        destination = self._destinations.find(parcel.destination, left)
        try:
            destination.check(parcel.service, parcel.data.schema)
        except Unusable:
            self._destinations.forget(destination.id)  # it may be mended
            raise
        recipient = self._destinations.recipient(destination, left)
        reply_key = self._reply_key.public() if self._reply_key is not None else None
        order: dict[str, object] = {
            "destinationId": parcel.destination,
            "announcedAttachments": [each.id for each in parcel.attachments],
            "publicService": public_service(parcel),
        }
        if parcel.case is not None:
            order["caseId"] = parcel.case
        answer = self._api.ask(
            "POST", SUBMISSIONS, body=json_body(order), left=left, request_id=parcel.request_id
        )
        if answer.status not in CREATED:
            raise self._not_created(answer, parcel)
        reference = _reference(answer, parcel)
        return _Created(reference=reference, recipient=recipient, reply_key=reply_key)

    def _not_created(self, answer: Answer, parcel: Parcel) -> Exception:
        """Return what is to be raised."""
        self._destinations.forget(parcel.destination)  # what was known of it may be of yesterday
        match problem(answer):
            case Problem.DESTINATION_UNKNOWN:
                return Unusable(Fault.UNKNOWN, "there is no such destination")
            case Problem.DESTINATION_GONE:
                return Unusable(Fault.GONE, "the destination was given up")
            case Problem.DESTINATION_INACTIVE:
                return Unusable(Fault.INACTIVE, "the destination is not in use now")
            case Problem.SERVICE_UNKNOWN:
                return Unusable(Fault.SERVICE, "the destination does not offer this service")
        return Ended(unsubmitted(answer))

    def _upload(self, parcel: Parcel, created: _Created, left: Left) -> dict[str, Upload]:
        done: dict[str, Upload] = {}
        for each in parcel.attachments:
            upload = Upload(each, created.recipient)
            where = path(ATTACHMENT, submission=created.reference.submission, attachment=each.id)
            answer = self._api.ask("PUT", where, body=upload.body, left=left)
            if answer.status not in UPLOADED:
                raise Ended(unsubmitted(answer))
            if not answer.sent or not upload.tag:
                text = "a document was called taken before all of it was sent"
                raise Ended(deferred("UPLOAD_CUT", text))
            done[each.id] = upload
        return done

    def _submit(
        self, parcel: Parcel, created: _Created, uploads: dict[str, Upload], left: Left
    ) -> Submitted:
        hashes = {name: upload.sha512 for name, upload in uploads.items()}
        about = written(parcel, hashes, created.reply_key)
        metadata, metadata_tag = whole(created.recipient, "application/json", about)
        data, data_tag = whole(created.recipient, parcel.data.media_type, parcel.data.content)
        where = path(SUBMISSION, submission=created.reference.submission)
        body = submit_body(metadata, data)
        try:
            answer = self._api.ask("PUT", where, body=body, left=left)
        except Failed as failure:
            raise Ended(common.of_failure(failure)) from failure
        if answer.status not in SUBMITTED or not answer.sent:
            raise Ended(_not_submitted(answer))
        attachments = {name: upload.tag for name, upload in uploads.items()}
        tags = Tags(metadata=metadata_tag, data=data_tag, attachments=attachments)
        return Submitted(reference=created.reference, tags=tags)

    def _unusable(self, error: Unusable, parcel: Parcel) -> Outcome:
        text = str(error)
        if error.fault is Fault.INACTIVE:
            return deferred("DESTINATION_INACTIVE", text)
        if parcel.ours:
            return held(f"DESTINATION_{error.fault}", f"{text}; see `destination` in hub.toml")
        match error.fault:
            case Fault.UNKNOWN:
                return refused(RefusalCode.RECIPIENT_UNKNOWN, text)
            case Fault.GONE:
                return refused(RefusalCode.RECIPIENT_DELETED, text)
            case Fault.SERVICE:
                return refused(RefusalCode.CONTENT_INVALID, text)
        return deferred("DESTINATION_KEY", text)


def _check(parcel: Parcel, max_file: int) -> None:
    if len(parcel.data.content) > DATA_BYTES_MAX:
        text = f"the data have over {DATA_BYTES_MAX} bytes"
        raise Ended(refused(RefusalCode.TOO_LARGE, text))
    if any(each.size > max_file for each in parcel.attachments):
        text = f"a document has over {max_file} bytes; see `max_file` in hub.toml"
        raise Ended(refused(RefusalCode.TOO_LARGE, text))
    if len(parcel.attachments) > ATTACHMENTS_MAX:
        text = f"there are over {ATTACHMENTS_MAX} documents"
        raise Ended(refused(RefusalCode.TOO_LARGE, text))


def _reference(answer: Answer, parcel: Parcel) -> Reference:
    try:
        return _read(answer, parcel)
    except Unreadable as error:
        raise Ended(deferred("ANSWER_UNREADABLE", str(error))) from error


def _read(answer: Answer, parcel: Parcel) -> Reference:
    found = read(answer)
    submission, case = text(found, "submissionId").lower(), text(found, "caseId").lower()
    destination = str(found.get("destinationId", parcel.destination)).lower()
    if not UUID.fullmatch(submission) or not UUID.fullmatch(case):
        raise Unreadable("the answer has no ids that are UUIDs")
    if destination != parcel.destination:
        raise Unreadable("the answer is of another destination")
    if parcel.case not in (None, case):
        raise Unreadable("the answer is of another case")
    return Reference(submission=submission, destination=parcel.destination, case=case)


def _not_submitted(answer: Answer) -> Outcome:
    """Return what it means that the last request was not answered as it should be.

    A problem of the service's own says that it did not take the submission. All else may hide one
    that was taken.
    """
    outcome = common.of_answer(answer)
    if outcome is not None:
        return outcome
    code = f"HTTP_{answer.status}"
    match problem(answer):
        case None | Problem.SUBMISSION_SUBMITTED:
            return unknown(code, "the service did not say whether it took the submission")
    return unsubmitted(answer)
