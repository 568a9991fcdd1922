"""Messages become items of the contract: once, whole, and in no other's name."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from postfach_mail import Away, Channel, MailConfig, Pattern
from postfach_mail.message import SUBJECT_MOST, read
from postfach_mail.source import Waiting

KEY = "5a" * 32
READ, ANSWER = Pattern("read+{key}@a.example"), Pattern("answer+{key}@a.example")
Letter = Callable[..., EmailMessage]


def put(folder: Path, message: EmailMessage | bytes, name: str = "1") -> Path:
    file = folder / f"{name}.eml"
    file.write_bytes(message if isinstance(message, bytes) else message.as_bytes())
    return file


def test_a_reply_with_its_documents(channel: Channel, folder: Path, letter: Letter) -> None:
    made = letter()
    made.add_attachment(
        b"%PDF" * 9, maintype="application", subtype="pdf", filename="Pass für Zoë.pdf"
    )
    put(folder, made)
    (item,) = channel.collect().items
    assert (item.kind, item.about, item.at) == ("reply", KEY, datetime(2026, 3, 3, 9, tzinfo=UTC))
    assert item.reply is not None
    assert (item.reply.subject, item.reply.text) == ("Rückfrage", "Anbei.")
    assert item.reply.sender == "Erika <erika@b.example>"
    (document,) = item.reply.documents
    assert (document.filename, document.content_type) == ("Pass für Zoë.pdf", "application/pdf")
    into = io.BytesIO()
    fetched = channel.fetch(item.id, 0, into)
    assert into.getvalue() == b"%PDF" * 9
    assert (fetched.size, fetched.sha256) == (document.size, document.sha256)
    assert [each for each in item.evidence if b"Erika" in each.data or b"Anbei" in each.data] == []


def test_a_retrieval_is_told_by_its_address_alone(
    channel: Channel, folder: Path, letter: Letter
) -> None:
    put(folder, letter(to=f"Amt <{READ.of(KEY).upper()}>", text=None, Subject="whatever it says"))
    (item,) = channel.collect().items
    assert (item.kind, item.about, item.reply) == ("retrieval", KEY, None)


@pytest.mark.parametrize(
    "to",
    [
        "office@a.example",
        "",
        f"{READ.of(KEY)}, {ANSWER.of(KEY)}",
        f"{ANSWER.of(KEY)}, {ANSWER.of('b5' * 32)}",
    ],
    ids=["other", "none", "both", "two notices"],
)
def test_what_names_no_notice_or_two_is_offered_as_of_none(
    channel: Channel, folder: Path, letter: Letter, to: str
) -> None:
    put(folder, letter(to=to))
    (item,) = channel.collect().items
    assert (item.kind, item.about) == ("reply", None)


def test_it_waits_until_it_is_acknowledged_and_is_never_deleted(
    channel: Channel, folder: Path, letter: Letter
) -> None:
    file = put(folder, letter())
    before = file.read_bytes()
    (item,) = channel.collect().items
    assert channel.collect().items == (item,)
    again = Channel(MailConfig(folder=folder), retrieval=READ, reply=ANSWER)  # after a restart
    again.acknowledge(item.id)
    assert channel.collect().items == ()
    assert (folder / "taken" / "1.eml").read_bytes() == before
    channel.acknowledge(item.id)  # told twice


def test_a_message_that_was_delivered_twice_is_one_item(
    channel: Channel, folder: Path, letter: Letter
) -> None:
    made = letter()
    put(folder, made)
    put(folder, b"Received: from elsewhere\r\nX-Spam: no\r\n" + made.as_bytes(), "2")
    (item,) = channel.collect().items
    channel.acknowledge(item.id)
    assert [each for each in channel.collect().items if each != item] == []
    channel.acknowledge(item.id)
    assert channel.collect().items == ()
    assert len(list((folder / "taken").iterdir())) == 2


def test_another_message_is_another_item(channel: Channel, folder: Path, letter: Letter) -> None:
    put(folder, letter())
    put(folder, letter(text="Doch nicht."), "2")
    put(folder, letter(Subject="Anders"), "3")
    assert len({each.id for each in channel.collect().items}) == 3


def test_a_name_that_is_another_message_by_now_is_not_taken(
    channel: Channel, folder: Path, letter: Letter
) -> None:
    file = put(folder, letter())
    (item,) = channel.collect().items
    file.write_bytes(letter(text="Another one.").as_bytes())
    channel.acknowledge(item.id)
    assert file.exists()
    with pytest.raises(LookupError):
        channel.fetch(item.id, 0, io.BytesIO())


def test_a_folder_that_is_away_does_not_say_that_nothing_came(
    folder: Path, channel: Channel
) -> None:
    (folder / ".mail").unlink()
    for ask in (channel.collect, channel.health, lambda: channel.acknowledge("mail-1")):
        with pytest.raises(Away):
            ask()


def test_a_time_later_than_now_is_not_believed(
    channel: Channel, folder: Path, letter: Letter
) -> None:
    os.utime(put(folder, letter(Date="Tue, 03 Mar 2099 10:00:00 +0100")), (10**9, 10**9))
    os.utime(put(folder, letter(Date="when I like", Subject="2"), "2"), (10**9, 10**9))
    assert {each.at for each in channel.collect().items} == {datetime.fromtimestamp(10**9, UTC)}


def test_only_what_our_server_found_signed_counts_where_that_is_wanted(
    folder: Path, letter: Letter
) -> None:
    config = MailConfig(folder=folder, signed_by="b.example", checked_by="mx.a.example")
    channel = Channel(config, retrieval=READ, reply=ANSWER)
    put(folder, letter(Subject="forged"))
    result = "mx.a.example; dkim=pass header.d=b.example"
    put(folder, letter(**{"Authentication-Results": result}), "2")
    (item,) = channel.collect().items
    assert item.reply is not None
    assert item.reply.subject == "Rückfrage"
    assert "did not find it signed" in (folder / "refused" / "1.eml.reason.txt").read_text("utf-8")
    assert (channel.health().status, channel.health().text[:1]) == ("degraded", "1")


def test_a_long_text_is_a_document_and_a_long_subject_is_cut(
    channel: Channel, folder: Path, letter: Letter
) -> None:
    put(folder, letter(text="ä" * 2_000_000, Subject="x" * 3000))
    (item,) = channel.collect().items
    assert item.reply is not None
    assert (item.reply.text, len(item.reply.subject)) == (None, SUBJECT_MOST)
    (document,) = item.reply.documents
    into = io.BytesIO()
    channel.fetch(item.id, 0, into)
    assert hashlib.sha256(into.getvalue()).hexdigest() == document.sha256
    assert into.getvalue().decode().strip() == "ä" * 2_000_000


def test_many_come_some_at_a_time(channel: Channel, folder: Path, letter: Letter) -> None:
    for number in range(40):
        put(folder, letter(Subject=f"{number}"), f"{number:02}")
    seen = []
    while items := channel.collect().items:
        seen += [each.reply.subject for each in items if each.reply]
        for item in items:
            channel.acknowledge(item.id)
    assert sorted(seen) == sorted(f"{number}" for number in range(40))


def test_html_and_enclosed_messages_are_documents_and_nothing_of_them_is_followed() -> None:
    made = EmailMessage()
    made["To"], made["Subject"] = ANSWER.of(KEY), "=?utf-8?q?R=C3=BCck?="
    made.set_content("plain")
    made.add_alternative("<img src='https://b.example/1.png'>", subtype="html")
    inner = EmailMessage()
    inner["Subject"], inner["To"] = "inner", READ.of(KEY)
    inner.set_content("inner text")
    made.add_attachment(inner)
    mail = read(made.as_bytes())
    assert (mail.text, mail.subject) == ("plain", "Rück")
    assert [each.content_type for each in mail.documents] == [
        "text/html",
        "application/octet-stream",
    ]
    assert b"inner text" in mail.documents[1].data
    assert mail.recipients == (ANSWER.of(KEY),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A server with one message, which says how long that is, and gives what it likes."""

    size: int
    data: bytes | None
    aside: list[str] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator["Box"]:
        yield self

    def waiting(self) -> Iterator[Waiting]:
        yield Waiting(name="1", size=self.size, at=datetime(2026, 3, 1, tzinfo=UTC))

    def read(self, message: Waiting) -> bytes:
        assert self.data is not None, f"{message.name} is not to be fetched"
        return self.data

    def take(self, message: Waiting) -> None:
        raise AssertionError(message)

    def set_aside(self, message: Waiting, why: str) -> None:
        self.aside.append(f"{message.name}: {why}")

    def refused(self) -> int:
        return len(self.aside)


@pytest.mark.parametrize(
    ("size", "data"), [(2000, None), (10, b"To: a@b.example\r\n\r\n" + b"x" * 2000)]
)
def test_a_message_that_is_too_long_is_not_fetched_nor_read_where_the_server_lies(
    folder: Path, monkeypatch: pytest.MonkeyPatch, size: int, data: bytes | None
) -> None:
    channel = Channel(MailConfig(folder=folder, max_size=1024), retrieval=READ, reply=ANSWER)
    box = Box(size=size, data=data)
    monkeypatch.setattr(channel, "_source", box)
    assert channel.collect().items == ()
    assert box.aside == ["1: it is longer than 1024 bytes"]
