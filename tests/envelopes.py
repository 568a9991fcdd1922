"""Good envelopes, changed in one place, and how the layers of an envelope answer them."""

import pytest

from hub import envelope, schemas
from hub.errors import NoticeRefused
from hub.model import Notice

EXAMPLES = schemas.folder() / "examples"
MINIMAL = (EXAMPLES / "notice-minimal.xml").read_text("utf-8")
LIMITS = envelope.Limits()
MIB = 1024 * 1024
DOCUMENT = MINIMAL[MINIMAL.index("  <Document") : MINIMAL.index("</Notice>")]


def read(text: str | bytes) -> Notice:
    data = text.encode() if isinstance(text, str) else text
    found = envelope.read(data, LIMITS)
    assert isinstance(found, Notice)
    return found


def take(text: str | bytes) -> None:
    """Put the text through all layers that need the envelope only."""
    notice = read(text)
    envelope.check_names(notice)
    envelope.check_sizes(notice, LIMITS)
    envelope.check_digests(notice)


def refusal(text: str | bytes) -> NoticeRefused:
    with pytest.raises(NoticeRefused) as caught:
        take(text)
    return caught.value


def changed(old: str, new: str) -> str:
    """Return the minimal example with one place changed."""
    assert old in MINIMAL
    return MINIMAL.replace(old, new, 1)


def with_data(digits: str) -> str:
    """Return the minimal example with other text in Data."""
    start, end = MINIMAL.index("<Data>") + len("<Data>"), MINIMAL.index("</Data>")
    return MINIMAL[:start] + digits + MINIMAL[end:]
