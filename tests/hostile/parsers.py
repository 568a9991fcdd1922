"""Every parser that sees foreign bytes, as a function that a fuzzer calls: bytes in, nothing out.

Each ends in a result or in the refusal that its module names; what else it raises is a fault. One
that would hang or fill memory is a fault too: whoever calls these watches the time and the memory.

    envelope        a drop's envelope                     hub.envelope
    seal            a sealed file given to be verified    hub.seal
    evidence        an entry of an evidence log           hub.evidence
    config          hub.toml                              hub.config
    names           what a file in a spool is called      hub.spool.claims
    frames          what a plugin's process sends         hub.host, postfach_mailbox
    http            an answer's bytes                     postfach_http
    answers         what they say                         bundid, muk
    fitconnect      what they say                         postfach_fitconnect
    replies         lists of replies                      muk, directory
    mail            e-mails                               postfach_mail
    print           results of a print service            postal
    clamd           a virus scanner's answers             check-clamd
"""

import functools
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h11

from hub import envelope, evidence, proving
from hub.clock import system_clock
from hub.config import reading
from hub.errors import ConfigError, NoticeRefused
from hub.host import process
from hub.seal import SealInvalid, verify
from hub.spool.claims import Claim, good_stem
from postfach_check_clamd import clamd
from postfach_fitconnect import jwe, metadata, sets, tokens
from postfach_fitconnect.ending import Ended, NotNow
from postfach_fitconnect.replies import Replies, ReplyRefused
from postfach_fitconnect.returning import Returning
from postfach_http import Answer
from postfach_http.call import Call, lasting
from postfach_http.client import MOST
from postfach_http.connection import Connection
from postfach_http.line import Line
from postfach_http.outcomes import http_date, of_answer, problem, retry_after
from postfach_mail import channel, message
from postfach_mailbox import Absent, Capabilities
from postfach_mailbox.frames import TO_HUB, Operation
from postfach_mailbox.frames import Answer as AnswerFrame
from postfach_mailbox.wire import Broken, Inbox, pack
from postfach_mailbox_bundid import answers as bundid
from postfach_mailbox_directory import replies as directory
from postfach_mailbox_muk import answers as muk
from postfach_mailbox_muk import replies as muk_replies
from postfach_mailbox_muk.order import Reference
from postfach_mailbox_postal import results, ticket
from tests.hostile import seeds

Parser = Callable[[bytes], None]
STATUSES = (200, 201, 202, 400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _envelope(data: bytes) -> None:
    limits = envelope.Limits()
    with suppress(NoticeRefused):
        notice = envelope.read(data, limits)
        envelope.check_tenant(notice, ("ags:130030000000",))
        envelope.check_names(notice)
        envelope.check_sizes(notice, limits)
        envelope.check_digests(notice)


def _seal(data: bytes) -> None:
    with suppress(SealInvalid):
        verify(data, seeds.trust(), at=NOW)


def _evidence(data: bytes) -> None:
    with suppress(ValueError):
        evidence.parse(data)
    proving._receipt_of(data)
    commit = evidence.Commit(number=1, at=NOW, entries=((data, "0" * 64),), link="0" * 64)
    assert list(evidence.check_chain([commit]))


def _config(data: bytes) -> None:
    with suppress(ConfigError, UnicodeDecodeError):
        reading.parse(data.decode("utf-8"), Path("/nowhere/hub.toml"), {})


def _names(data: bytes) -> None:
    name = data[:255].replace(b"/", b"_").replace(b"\0", b"_") or b"x"
    claim = Claim.new(name, system_clock())
    assert len(os.fsencode(claim.file)) <= 255
    assert Claim.parse(claim.file) == claim
    assert (good_stem(name) is None) == claim.bad_name
    found = Claim.parse(os.fsdecode(name))
    if found is not None:
        assert found.at.tzinfo is UTC


def _frames(data: bytes) -> None:
    inbox = Inbox(descriptors=False)
    inbox._bytes += data
    with suppress(Broken):
        for frame in inbox.frames():
            _frame(frame)
    _frame(data)


def _frame(data: bytes) -> None:
    for up in (False, True):
        calls = {
            number: process.InFlight(operation=operation, deadline=1.0)
            for number, operation in enumerate(Operation, 1)
        }
        child: Any = SimpleNamespace(up=up, calls=calls, described=Capabilities)
        with suppress(Broken):
            process._event(child, data)


def _http(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(data[:60_000])
        theirs.shutdown(socket.SHUT_WR)
        request = h11.Request(method="GET", target="/", headers=[("Host", "a")])
        with suppress(OSError, h11.RemoteProtocolError):
            answer = Connection(Line(ours)).exchange(request, (), Call(lasting(5.0)), 1000)
            assert len(answer.body) <= 1000
            _common(answer)


def _answer(data: bytes) -> Answer:
    """Make an answer of bytes: the first chooses its status, the rest is its body."""
    status = STATUSES[data[0] % len(STATUSES)] if data else 200
    body = data[1 : 1 + MOST]  # no more is read
    line = body[:60].decode("latin-1")
    types = ("application/problem+json", "application/json")
    headers = {"content-type": types[len(data) % 2], "retry-after": line, "date": line}
    return Answer(status=status, headers=headers, body=body)


def _common(answer: Answer) -> None:
    of_answer(answer)
    problem(answer)
    retry_after(answer)
    http_date(answer)


def _answers(data: bytes) -> None:
    answer = _answer(data)
    _common(answer)
    bundid.health(answer)
    reference = Reference(order=seeds.ID, since=1)
    told = (
        bundid.message(answer),
        bundid.state(answer),
        muk.uploaded(answer),
        muk.ordered(answer, reference),
        muk.stands(answer, reference),
    )
    muk.field(answer, "id")
    for outcome in told:
        assert not isinstance(outcome, Absent)
        frame = pack(AnswerFrame(id=1, value=outcome))
        TO_HUB.validate_json(frame[4:])


class _Says:
    """Stands in for a service: gives the same answer to everything."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def ask(self, *_: object, **__: object) -> Answer:
        return self.answer

    def key(self) -> tuple[Any, str]:
        return seeds.key(), "kid"


def _fitconnect(data: bytes) -> None:
    answer = _answer(data)
    with suppress(Ended):
        token, lifetime = tokens._read(answer)
        assert token
        assert 0 < lifetime <= 24 * 3600
    with suppress(sets.SetRefused):
        sets.signer(answer.body.decode("latin-1"), seeds.EXPECTED)
    with suppress(metadata.MetadataRefused):
        metadata.read(answer.body)
    with suppress(jwe.NotOpened):
        jwe.opened(answer.body, seeds.key(), "kid")
    says: Any = _Says(answer)
    replies = Replies(says, says, max_file=1000, at_once=1)
    left = lasting(5.0)
    with suppress(NotNow):
        replies.waiting(left)
    with suppress(NotNow):
        replies.about(seeds.ID, left)
    with suppress(NotNow, ReplyRefused):
        replies.open(seeds.ID, left)
    _reply_of(answer.body)


def _reply_of(data: bytes) -> None:
    """Take bytes as a reply's metadata, decrypted already."""
    with suppress(metadata.MetadataRefused, ReplyRefused, NotNow):
        found = metadata.read(data)
        at = datetime.min.replace(tzinfo=UTC)
        reply = SimpleNamespace(
            id=seeds.ID, case=seeds.ID, at=at, metadata=found, raw_metadata=data, data=b"x"
        )
        stand_in: Any = SimpleNamespace(
            open=lambda *_: reply, about=lambda *_: None, document=lambda *_: b"x"
        )
        Returning(stand_in)._item(seeds.ID, lasting(5.0))


def _replies(data: bytes) -> None:
    says: Any = _Says(_answer(data))
    with suppress(muk_replies.NotNow):
        muk_replies.Replies(says).collect()
    with tempfile.TemporaryDirectory() as place:
        for name, told in (("bad", data[1:]), ("good", seeds.REPLY)):
            folder = Path(place, "anna", "replies", name)
            folder.mkdir(parents=True)
            (folder / "reply.json").write_bytes(told)
        found = directory.offered(Path(place))
    assert "anna/good" in [each.id for each in found]


def _mail(data: bytes) -> None:
    with suppress(message.Unreadable):
        mail = message.read(data)
        channel._reply(mail)
        channel._at(mail, NOW)


def _print(data: bytes) -> None:
    with suppress(ticket.Unreadable):
        for number, each in enumerate(ticket.read(data)):
            results._item(str(number), each)


def _clamd(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, suppress(clamd.Away, clamd.Strange):
        theirs.sendall(data[:60_000])
        theirs.shutdown(socket.SHUT_WR)
        clamd._read(clamd._answer(ours))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser, and bytes that it takes, to begin with."""

    parse: Parser
    seeds: Callable[[], Iterator[bytes]]


@functools.cache
def seeds_of(name: str) -> tuple[bytes, ...]:
    """Return what a fuzzer of this target begins with."""
    return tuple(TARGETS[name].seeds())


TARGETS: Mapping[str, Target] = {
    "envelope": Target(parse=_envelope, seeds=seeds.envelopes),
    "seal": Target(parse=_seal, seeds=seeds.sealed),
    "evidence": Target(parse=_evidence, seeds=seeds.entries),
    "config": Target(parse=_config, seeds=seeds.configs),
    "names": Target(parse=_names, seeds=seeds.names),
    "frames": Target(parse=_frames, seeds=seeds.frames),
    "http": Target(parse=_http, seeds=seeds.http),
    "answers": Target(parse=_answers, seeds=seeds.answers),
    "fitconnect": Target(parse=_fitconnect, seeds=seeds.fitconnect),
    "replies": Target(parse=_replies, seeds=seeds.replies),
    "mail": Target(parse=_mail, seeds=seeds.mails),
    "print": Target(parse=_print, seeds=seeds.printed),
    "clamd": Target(parse=_clamd, seeds=seeds.clamd),
}
