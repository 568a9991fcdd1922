"""What the tests of mail share: messages, a folder that they lie in, an address with a key."""

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from postfach_mail import Channel, MailConfig, Pattern

KEY = "5a" * 32
READ, ANSWER = Pattern("read+{key}@a.example"), Pattern("answer+{key}@a.example")


def _letter(to: str | None = None, text: str | None = "Anbei.", **headers: str) -> EmailMessage:
    made = EmailMessage()
    told = {
        "From": "Erika <erika@b.example>",
        "To": ANSWER.of(KEY) if to is None else to,
        "Subject": "Rückfrage",
        "Date": "Tue, 03 Mar 2026 10:00:00 +0100",
        "Message-ID": "<1@b.example>",
    }
    for name, value in (told | headers).items():
        made[name] = value
    if text is not None:
        made.set_content(text)
    return made


@pytest.fixture
def letter() -> Callable[..., EmailMessage]:
    return _letter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mail"
    made.mkdir()
    (made / ".mail").touch()
    return made


@pytest.fixture
def channel(folder: Path) -> Channel:
    return Channel(MailConfig(folder=folder), retrieval=READ, reply=ANSWER)
