"""Wrong contents and files, correctly signed, each sent over TLS."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from postfach_mailbox_bundid.assumed import ANSWERS, FILE_BYTES_MAX, FILES_MAX, TEXT_BYTES_MAX, Code
from postfach_mailbox_bundid.sandbox import DELETED, LOW, SUBSTANTIAL, UNKNOWN, Handed, Refusal
from postfach_mailbox_bundid.sandbox.attempt import Attempt
from postfach_mailbox_bundid.sandbox.content import Attachment
from postfach_mailbox_bundid.sandbox.desk import Desk
from postfach_mailbox_bundid.sandbox.upload import EICAR, Upload
from postfach_sandbox.arrivals import Arrivals, Incoming

Spoil = Callable[[Attempt], None]
Parts = list[tuple[str, bytes]]


def parts(change: Callable[[Parts], Parts]) -> Spoil:
    return lambda attempt: setattr(attempt, "parts", change)


def field(name: str, value: object) -> Spoil:
    """Put a field into the content; it is signed as it stands."""
    return lambda attempt: attempt.fields.update({name: value})


def without(name: str) -> Spoil:
    return lambda attempt: attempt.fields.pop(name)


def announce(number: int, **changes: object) -> Spoil:
    """Announce a file otherwise than it comes."""

    def spoil(attempt: Attempt) -> None:
        attempt.envelope()
        attempt.announced = False
        attempt.fields["attachments"][number].update(changes)

    return spoil


def file(**changes: object) -> Spoil:
    """Send another first file, and announce it."""

    def spoil(attempt: Attempt) -> None:
        attempt.files[0] = dataclasses.replace(attempt.files[0], **changes)  # type: ignore[arg-type]  # a test's freedom

    return spoil


def raw(text: bytes) -> Spoil:
    """Send and sign a content as it is."""

    def spoil(attempt: Attempt) -> None:
        attempt.text, attempt.files = text, []

    return spoil


def title_twice(attempt: Attempt) -> None:
    attempt.envelope()
    content = json.dumps(attempt.fields)
    attempt.text = content.replace('"title"', '"title": "Ein anderer", "title"').encode()


def twice(attempt: Attempt) -> None:
    """Announce two files of one name."""
    attempt.files.append(attempt.files[0])


def extra(each: Parts) -> Parts:
    head = each[1][0].replace("bescheid.pdf", "mehr.pdf")
    return [*each, (head, b"x")]


def many(attempt: Attempt) -> None:
    """Announce more files than the service takes."""
    attempt.files = [
        Handed(filename=f"{number}.txt", content_type="text/plain", data=b"x")
        for number in range(FILES_MAX + 1)
    ]


def heavy(attempt: Attempt) -> None:
    """Announce files that are too large together only."""
    attempt.files = [
        Handed(filename=f"{number}.txt", content_type="text/plain", data=b"x")
        for number in range(3)
    ]
    for number in range(3):
        announce(number, contentLength=FILE_BYTES_MAX)(attempt)


# Each is valid but for the one thing that its name says.
WRONG: dict[str, tuple[Spoil, Code]] = {
    # the content
    "content no JSON": (raw(b"{'a': 1}"), Code.SCHEMA_INVALID),
    "content names a field twice": (title_twice, Code.SCHEMA_INVALID),
    "no mailbox": (without("mailboxUuid"), Code.SCHEMA_INVALID),
    "mailbox is a bPK2": (field("mailboxUuid", "AT+BF:7fA3/x9=="), Code.SCHEMA_INVALID),
    "mailbox without hyphens": (
        field("mailboxUuid", SUBSTANTIAL.replace("-", "")),
        Code.SCHEMA_INVALID,
    ),
    "level 0": (field("stork_qaa_level", 0), Code.SCHEMA_INVALID),
    "level 5": (field("stork_qaa_level", 5), Code.SCHEMA_INVALID),
    "level as text": (field("stork_qaa_level", "1"), Code.SCHEMA_INVALID),
    "level true": (field("stork_qaa_level", True), Code.SCHEMA_INVALID),
    "no sender": (without("sender"), Code.SCHEMA_INVALID),
    "sender of 256": (field("sender", "x" * 256), Code.SCHEMA_INVALID),
    "empty title": (field("title", ""), Code.SCHEMA_INVALID),
    "title of 1025": (field("title", "x" * 1025), Code.SCHEMA_INVALID),
    "no service": (without("service"), Code.SCHEMA_INVALID),
    "service of 256": (field("service", "x" * 256), Code.SCHEMA_INVALID),
    "empty text": (field("content", ""), Code.SCHEMA_INVALID),
    "text too large": (field("content", "x" * (TEXT_BYTES_MAX + 1)), Code.TOO_LARGE),
    "text with a script": (field("content", "<script>1</script>"), Code.SCHEMA_INVALID),
    "text with a handler": (field("content", '<p onclick="1">x</p>'), Code.SCHEMA_INVALID),
    "text with a link to run": (
        field("content", '<a href="javascript:1">x</a>'),
        Code.SCHEMA_INVALID,
    ),
    "text with a bare <": (field("content", "1 < 2"), Code.SCHEMA_INVALID),
    "text with a tag that does not end": (field("content", "1 <b"), Code.SCHEMA_INVALID),
    "text with a bare &": (field("content", "2 & 3"), Code.SCHEMA_INVALID),
    "text with a comment": (field("content", "a<!-- b -->"), Code.SCHEMA_INVALID),
    "senderUrl of 256": (field("senderUrl", "x" * 256), Code.SCHEMA_INVALID),
    "reference of 256": (field("reference", "x" * 256), Code.SCHEMA_INVALID),
    "reference null": (field("reference", None), Code.SCHEMA_INVALID),
    "retrieval address of 321": (
        field("retrievalConfirmationAddress", "x" * 321),
        Code.SCHEMA_INVALID,
    ),
    "reply address of 321": (field("replyAddress", "x" * 321), Code.SCHEMA_INVALID),
    "application no UUID": (field("applicationId", "4711"), Code.SCHEMA_INVALID),
    "unknown field": (field("priority", "high"), Code.SCHEMA_INVALID),
    # the mailbox
    "unknown mailbox": (field("mailboxUuid", UNKNOWN), Code.MAILBOX_UNKNOWN),
    "deleted mailbox": (field("mailboxUuid", DELETED), Code.MAILBOX_DELETED),
    "level above the mailbox's": (field("stork_qaa_level", 4), Code.TRUST_LEVEL_TOO_LOW),
    "substantial to a low mailbox": (
        lambda attempt: attempt.fields.update(mailboxUuid=LOW, stork_qaa_level=3),
        Code.TRUST_LEVEL_TOO_LOW,
    ),
    # the files
    "file announced and not sent": (parts(lambda each: each[:-1]), Code.ATTACHMENT_MISSING),
    "no file sent": (parts(lambda each: each[:1]), Code.ATTACHMENT_MISSING),
    "file sent and not announced": (parts(extra), Code.ATTACHMENT_UNDECLARED),
    "file twice": (parts(lambda each: [*each, each[2]]), Code.ATTACHMENT_UNDECLARED),
    "file without name": (
        parts(lambda each: [each[0], (each[1][0].replace('; filename="bescheid.pdf"', ""), b"x")]),
        Code.ATTACHMENT_UNDECLARED,
    ),
    "files in another order": (
        parts(lambda each: [each[0], each[2], each[1]]),
        Code.ATTACHMENT_ORDER,
    ),
    "file of another digest": (announce(0, sha512sum="0" * 128), Code.DIGEST_WRONG),
    "second file of another digest": (announce(1, sha512sum="f" * 128), Code.DIGEST_WRONG),
    "file shorter than announced": (announce(0, contentLength=999), Code.LENGTH_WRONG),
    "file longer than announced": (announce(0, contentLength=3), Code.LENGTH_WRONG),
    "digest in capitals": (announce(0, sha512sum="A" * 128), Code.SCHEMA_INVALID),
    "digest of SHA-256": (announce(0, sha512sum="0" * 64), Code.SCHEMA_INVALID),
    "length 0": (announce(0, contentLength=0), Code.SCHEMA_INVALID),
    "file name with a path": (file(filename="../bescheid.pdf"), Code.SCHEMA_INVALID),
    "one file name for two": (twice, Code.SCHEMA_INVALID),
    "file of a type that may run": (file(content_type="text/html"), Code.TYPE_REFUSED),
    "file too large": (announce(0, contentLength=FILE_BYTES_MAX + 1), Code.TOO_LARGE),
    "file with malware": (file(data=b"x" * 70_000 + EICAR), Code.MALWARE_FOUND),
    "too many files": (many, Code.TOO_LARGE),
    "files too large together": (heavy, Code.TOO_LARGE),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_message_is_refused_and_leaves_nothing(desk: Desk, name: str) -> None:
    spoil, code = WRONG[name]
    attempt = desk.message()
    spoil(attempt)
    before = desk.service.arrivals.all()
    heard = desk.send(attempt)
    assert (heard.code, heard.status) == (code, ANSWERS[code].status), heard.body
    assert desk.service.arrivals.all() == before
    assert list(desk.service.arrivals.folder.glob(".new-*")) == []


RIGHT: dict[str, Spoil] = {
    "no files": lambda attempt: attempt.files.clear(),
    "long fields": lambda attempt: attempt.fields.update(title="ä" * 1024, sender="x" * 255),
    "long text": field("content", "x" * TEXT_BYTES_MAX),
    "escaped text": field("content", "1 &lt; 2 &amp; &#39;3&#39;<br>4"),
    "mailbox in capitals": lambda attempt: attempt.fields.update(
        mailboxUuid=attempt.fields["mailboxUuid"].upper()
    ),
    "the mailbox's own level": field("stork_qaa_level", 3),
    "no application": lambda attempt: attempt.fields.pop("applicationId"),
    "quoted file name": file(filename='Bescheid "2026"; 1%20.pdf'),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_just_allowed_is_taken(desk: Desk, name: str) -> None:
    attempt = desk.message()
    RIGHT[name](attempt)
    assert desk.send(attempt).status == 200


def begun(arrivals: Path, data: bytes) -> tuple[Upload, Incoming]:
    digest = hashlib.sha512(data).hexdigest()
    announced = Attachment(filename="a.txt", sha512sum=digest, contentLength=len(data))
    incoming = Arrivals(arrivals).begin()
    upload = Upload([announced], incoming)
    upload.begin("a.txt", "text/plain")
    return upload, incoming


def test_a_file_is_refused_as_soon_as_it_is_too_long(tmp_path: Path) -> None:
    upload, incoming = begun(tmp_path, b"x" * 100)
    with incoming:
        upload.feed(b"x" * 100)
        with pytest.raises(Refusal, match="longer"):
            upload.feed(b"x")
        upload.close()


def test_malware_is_found_across_pieces(tmp_path: Path) -> None:
    upload, incoming = begun(tmp_path, EICAR)
    with incoming:
        for number in range(len(EICAR)):
            upload.feed(EICAR[number : number + 1])
        with pytest.raises(Refusal) as refused:
            upload.end("text/plain")
    assert refused.value.code == Code.MALWARE_FOUND
