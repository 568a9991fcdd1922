"""The body of a message: its length is known before, and no document can break out of its part."""

import hashlib
import io
from collections.abc import Sequence
from email.message import Message
from email.parser import BytesParser
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_mailbox import DeliveryDocument, DocumentData
from postfach_mailbox.cipher import CHUNK
from postfach_mailbox_bundid.upload import Body

ENVELOPE = '{"content":"Ä","sha512sum":""}'.encode()


def documents(contents: Sequence[bytes]) -> list[DeliveryDocument]:
    return [
        DeliveryDocument(
            facts=DocumentData(
                id=str(number),
                filename=f"Übersicht {number}.pdf",
                content_type="application/pdf",
                size=len(data),
                role="attachment",
                sha256=hashlib.sha256(data).hexdigest(),
            ),
            opener=partial(io.BytesIO, data),
        )
        for number, data in enumerate(contents)
    ]


def read(body: Body, data: bytes) -> list[Message]:
    """Return the parts, as Python's own parser for mail reads them."""
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + data).get_payload()
    assert isinstance(parts, list)
    return [each for each in parts if isinstance(each, Message)]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200).map(lambda each: each * 700), max_size=4))
def test_the_length_is_that_of_the_pieces(contents: list[bytes]) -> None:
    body = Body.of(ENVELOPE, documents(contents))
    pieces = list(body.pieces())
    assert sum(map(len, pieces)) == body.length
    assert all(len(each) < 3 * CHUNK for each in pieces)
    assert list(body.pieces()) == pieces


def test_the_envelope_comes_first_and_the_documents_in_their_order() -> None:
    contents = [b"eins", b"\r\nzwei\r\n", b"--\r\n"]
    body = Body.of(ENVELOPE, documents(contents))
    parts = read(body, b"".join(body.pieces()))
    names = [each.get_param("name", header="Content-Disposition") for each in parts]
    assert names == ["json", "files", "files", "files"]
    assert [each.get_payload(decode=True) for each in parts] == [ENVELOPE, *contents]


def test_no_document_can_name_the_boundary() -> None:
    seen = Body.of(ENVELOPE, documents([b"x"]))
    evil = f"\r\n--{seen.boundary}\r\nContent-Disposition: form-data".encode()
    body = Body.of(ENVELOPE, documents([evil]))
    assert body.boundary not in evil.decode()
    assert len(read(body, b"".join(body.pieces()))) == 2
