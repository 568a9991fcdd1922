"""Two hundred hostile or broken messages: each is set aside with a reason, or taken within bounds.

None of them stops another, takes long, or ends in anything but a Mail or Unreadable.
"""

import random
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postfach_mail import Channel, MailConfig, Pattern
from postfach_mail.message import (
    BOUNDARIES_MOST,
    HEADER_MOST,
    HEADERS_MOST,
    LINES_MOST,
    PARTS_MOST,
    Mail,
    Unreadable,
    read,
)

KEY = "5a" * 32
READ, ANSWER = Pattern("read+{key}@a.example"), Pattern("answer+{key}@a.example")
PATIENCE = 5.0  # seconds for one message, of any kind
TO = f"To: {ANSWER.of(KEY)}\r\n".encode()


def nested(depth: int) -> bytes:
    """Return multiparts, one in another."""
    heads = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (each, each)
        for each in range(depth)
    )
    return TO + heads + b"Content-Type: text/plain\r\n\r\ninnermost\r\n"


def parts(count: int) -> bytes:
    one = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    return TO + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + one * count + b"--b--\r\n"


def refused() -> Iterator[tuple[str, bytes]]:
    """Give messages that cannot be taken."""
    yield "empty", b""
    yield "blank", b"\r\n\r\n"
    yield "no headers", b"\r\nonly a body"
    yield "null in header", TO + b"Subject: a\x00b\r\n\r\nx"
    yield "null everywhere", b"\x00" * 5000
    for kib in (9, 20, 60, 200, 900):
        yield f"header of {kib} KiB", TO + b"Subject: " + b"x" * kib * 1024 + b"\r\n\r\nx"
        yield f"folded header of {kib} KiB", TO + b"X: " + b"x\r\n " * (kib * 256) + b"\r\n\r\nx"
        yield f"references of {kib} KiB", TO + b"References: " + b"<a@b>" * kib * 205 + b"\r\n\r\n"
        for header in (b"From", b"To", b"Date", b"Message-ID", b"Content-Type"):
            yield f"{header!r} of {kib} KiB", TO + header + b": " + b"a, " * kib * 342 + b"\r\n\r\n"
    for seed in range(80):
        noise = random.Random(seed).randbytes(1 + seed * 97)
        yield f"noise {seed}", b"\xff" + noise
        yield f"a header, then noise {seed}", TO + b"X: \x00" + noise + b"\r\n\r\n"
    for count in (70, 700, 7000):
        yield f"{count} headers of 1 KiB", TO + b"X: %s\r\n" % (b"y" * 1000) * count + b"\r\nx"
    for depth in (BOUNDARIES_MOST + 1, 50, 100, 300, 1000, 5000):
        yield f"{depth} multiparts in one another", nested(depth)
        yield f"{depth} boundaries beside", TO + b"\r\n" + b'x; boundary="a"\r\n' * depth
    for count in (PARTS_MOST + 1, 200, 1000, 50_000):
        yield f"{count} parts", parts(count)
    for lines in (LINES_MOST + 1, 3_000_000):
        yield f"{lines} lines", TO + b"\r\n" + b"\n" * lines
        yield f"{lines} lines by CR", TO + b"\r\n" + b"\r" * lines
    yield "too large", TO + b"\r\n" + b"x" * 11 * 1024 * 1024
    yield "encrypted", TO + b"Content-Type: multipart/encrypted; boundary=a\r\n\r\n--a--\r\n"


CODINGS = (b"base64", b"quoted-printable", b"x-uuencode", b"8bit", b"nonsense", b"", b"\xff\xfe")
BODIES = (*(b"====", b"YQ=", b"=ZZ=", b"\xff" * 300, b"begin 666 x\n#8\nend", b"a" * 100_000),)
CHARSETS = (
    *(b"nonsense", b"utf-7", b"utf-16", b"idna", b"punycode", b"hex", b"\xff", b"rot13", b"zlib"),
    *(b"unicode_escape", b"undefined", b"mbcs"),
)
NAMES = (
    *(b"../../etc/passwd", b"a/b\\c", b"\x01\x02", b"x" * 2000, b"", b".", b"..", b"CON"),
    "r\u202efdp.exe".encode(),
)
RECIPIENTS = (
    *(b"(" * 2000, b'"' * 2001, b"<" * 3000, b"a@" * 2000, b"," * 5000, b"\\" * 3000, b"[" * 900),
    *(b"a:b;" * 900, b"=?x?q?" * 900),
)
DATES = (
    *(b"", b"x", b"Tue, 99 Foo 2026", b"1 Jan 0000 00:00:00 +0000", b"9" * 4000),
    *(b"1 Jan 9999 23:59:59 -2359", b"Thu, 01 Jan 1970 00:00:00 +9999"),
)
TYPES = (
    *(
        b"message/rfc822",
        b"message/partial; id=x; number=1",
        b"message/delivery-status",
        b"a",
        b"/",
    ),
    b"message/external-body; access-type=local-file; name=/etc/passwd",
    *(b"multipart/mixed", b"multipart/mixed; boundary=", b"multipart/signed; boundary=a"),
    *(b"text/plain; a=b; a=b", b"\xff/\xff", b"text/plain; charset*0=u; charset*1=tf-8"),
)


def odd() -> Iterator[tuple[str, bytes]]:
    """Give messages that are odd, and can be taken or not: within bounds either way."""
    for coding in CODINGS:
        for body in BODIES:
            head = b"Content-Transfer-Encoding: " + coding + b"\r\n"
            yield f"{coding!r} {body[:4]!r}", TO + head + b"\r\n" + body
    for charset in CHARSETS:
        head = b"Content-Type: text/plain; charset=" + charset + b"\r\n"
        yield f"charset {charset!r}", TO + head + b"\r\n\xff\xfe+AGE-"
        yield f"subject in {charset!r}", TO + b"Subject: =?" + charset + b"?q?=FF?=\r\n\r\nx"
        yield f"base64 in {charset!r}", TO + b"Subject: =?" + charset + b"?b?YQ?=\r\n\r\nx"
    for name in NAMES:
        head = b'Content-Disposition: attachment; filename="' + name + b'"\r\n'
        yield f"file {name[:9]!r}", TO + head + b"\r\nx"
        yield f"name {name[:9]!r}", TO + b'Content-Type: a/b; name="' + name + b'"\r\n\r\nx'
    coded = b"Content-Disposition: attachment; filename*=x''%FF%00\r\n"
    yield "a name in a charset that is none", TO + coded + b"\r\nx"
    for to in RECIPIENTS:
        yield f"to {to[:3]!r}", b"To: " + to + b"\r\n\r\nx"
        yield f"from {to[:3]!r}", TO + b"From: " + to + b"\r\n\r\nx"
        yield f"to ours and {to[:3]!r}", b"To: " + to + b", " + TO[4:] + b"\r\nx"
    for date in DATES:
        yield f"date {date[:9]!r}", TO + b"Date: " + date + b"\r\n\r\nx"
    for kind in TYPES:
        yield f"type {kind!r}", TO + b"Content-Type: " + kind + b"\r\n\r\n--a\r\n\r\nx\r\n--a--"


REFUSED, ODD = dict(refused()), dict(odd())


def test_there_are_two_hundred_of_them() -> None:
    assert len(REFUSED) >= 200
    assert len(ODD) >= 140


@pytest.mark.parametrize("name", REFUSED)
def test_what_passes_a_bound_is_set_aside_with_its_reason(
    channel: Channel, folder: Path, letter: Callable[..., EmailMessage], name: str
) -> None:
    (folder / "bad.eml").write_bytes(REFUSED[name])
    (folder / "good.eml").write_bytes(letter().as_bytes())
    began = time.monotonic()
    (item,) = channel.collect().items
    assert time.monotonic() - began < PATIENCE
    assert item.about == KEY
    reason = (folder / "refused" / "bad.eml.reason.txt").read_text("utf-8")
    assert 10 < len(reason) < 200
    assert (folder / "refused" / "bad.eml").read_bytes() == REFUSED[name]


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_a_message_within_bounds_or_none(name: str) -> None:
    began = time.monotonic()
    see_either(ODD[name])
    assert time.monotonic() - began < PATIENCE


def see_either(data: bytes) -> None:
    """Assert that it is a message within bounds, or Unreadable with a reason."""
    try:
        mail = read(data)
    except Unreadable as error:
        said = str(error)
        if not 10 < len(said) < 200:
            raise AssertionError(said) from error
        return
    see_bounded(mail)


def see_bounded(mail: Mail) -> None:
    """Assert that a message is one that an item can hold."""
    assert 1 <= len(mail.subject) <= 1024
    assert len(mail.documents) <= PARTS_MOST
    for each in mail.documents:
        assert 1 <= len(each.filename) <= 255
        assert not set(each.filename) & set('/\\\x00\n\r\u202e"')
        assert each.filename not in (".", "..")
    mail.subject.encode()
    (mail.text or "").encode()


def test_all_of_them_in_one_folder_leave_the_good_ones(
    folder: Path, letter: Callable[..., EmailMessage]
) -> None:
    everything = {**REFUSED, **ODD}
    for number, data in enumerate(everything.values()):
        (folder / f"{number:04}.eml").write_bytes(data)
    for number in range(5):
        made = letter(Subject=f"good {number}")
        (folder / f"{random.Random(number).randrange(10**6):06}.eml").write_bytes(made.as_bytes())
    channel = Channel(MailConfig(folder=folder), retrieval=READ, reply=ANSWER)
    good = set()
    for _ in range(len(everything)):
        if not (items := channel.collect().items):
            break
        for item in items:
            good.add(item.reply.subject if item.reply else "")
            channel.acknowledge(item.id)
    assert {f"good {number}" for number in range(5)} <= good
    assert list(folder.glob("*.eml")) == []
    reasons = list((folder / "refused").glob("*.reason.txt"))
    assert len(reasons) >= len(REFUSED)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_bytes_are_a_message_or_none(data: st.DataObject) -> None:
    piece = st.sampled_from(
        [
            *(b"\r\n", b"\n", b"\r\n\r\n", b": ", b"; ", b"--b", b"--b--", b'boundary="b"', TO),
            *(b"Content-Type: ", b"multipart/mixed", b"message/rfc822", b"text/plain", b"charset="),
            *(
                b"=?utf-8?b?",
                b"?=",
                b"Subject: ",
                b"From: ",
                b"Date: ",
                b"base64",
                b"\xff",
                b"(",
                b'"',
            ),
            b"Content-Transfer-Encoding: ",
        ]
    )
    message = b"".join(data.draw(st.lists(st.one_of(piece, st.binary(max_size=8)), max_size=40)))
    see_either(message)


def test_bounds_are_what_the_reference_says() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert f"{LINES_MOST:,}; {HEADERS_MOST // 1024} KiB; {HEADER_MOST // 1024} KiB" in text
    assert f"{BOUNDARIES_MOST}; {PARTS_MOST}" in text
