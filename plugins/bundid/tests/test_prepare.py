"""What is prepared: exact bytes, a signature over them, text that cannot become HTML, limits."""

import base64
import hashlib
import json
import os
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_mailbox import NoticeData, Refused
from postfach_mailbox.outcomes import PREPARED_MAX
from postfach_mailbox.testkit.letters import PDF, Letters
from postfach_mailbox_bundid import Mailbox
from postfach_mailbox_bundid.assumed import FILE_BYTES_MAX, FILES_BYTES_MAX, TEXT_BYTES_MAX
from postfach_mailbox_bundid.sandbox import HIGH
from postfach_mailbox_bundid.sandbox.content import Message
from postfach_mailbox_bundid.sandbox.desk import SENDER
from postfach_sandbox import ca

SHARED = Path(os.environ.get("POSTFACH_SHARED", Path(__file__).parents[4] / "shared"))
PLAIN: dict[str, Any] = {
    "transport": "direct",
    "url": "https://zbp.example",
    "certificate_file": "no.p12",
    "password_file": "no.password",
}
FURTHER = {
    "sender": "Amt für <Beispiele>",
    "sender_url": "https://amt.example/",
    "text": "Siehe & lies den Anhang.",
    "retrieval_address": "gelesen@amt.example",
    "reply_address": "antwort@amt.example",
}


def mailbox_of(**settings: Any) -> Mailbox:
    return Mailbox(Mailbox.Config.model_validate(PLAIN | settings))


def prepare(mailbox: Mailbox, made: NoticeData) -> bytes | Refused:
    return mailbox.prepare(made, "5" * 64)


LETTERS = Letters(mailbox_of().capabilities(), HIGH)


def notice(*documents: bytes, **changes: Any) -> NoticeData:
    made = LETTERS(documents=documents or (PDF,)).notice
    return NoticeData.model_validate(made.model_dump() | changes)


@pytest.fixture(scope="module")
def signs(
    tmp_path_factory: pytest.TempPathFactory, certificates: ca.Certificates
) -> dict[str, str]:
    client = certificates.write(tmp_path_factory.mktemp("keys")).clients[SENDER]
    return {"certificate_file": str(client.pkcs12), "password_file": str(client.password)}


def content_of(prepared: object) -> dict[str, Any]:
    assert isinstance(prepared, bytes), prepared
    found: dict[str, Any] = json.loads(json.loads(prepared)["content"])
    return found


def refusal(outcome: object) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason.code


@pytest.mark.slow
def test_the_bytes_are_these(signs: dict[str, str], certificates: ca.Certificates) -> None:
    made = notice(
        b"eins",
        text="Guten Tag,\n<b>& willkommen</b>\n\nIhr Amt",
        subject='Bescheid "A\\B" für Zoë',
        case_reference="BA-1",
        application_id="7B5C3C1E-0000-4000-8000-00000000000A",
        assurance_level="substantial",
    )
    content = (
        '{"mailboxUuid":"40000000-0000-4000-8000-000000000004","stork_qaa_level":3,"sender":"Amt",'
        '"title":"Bescheid \\"A\\\\B\\" für Zoë","content":"<p>Guten Tag,<br>&lt;b&gt;&amp; '
        'willkommen&lt;/b&gt;</p><p>Ihr Amt</p>","service":"urn:de:fim:leika:leistung:'
        '99012012001000","reference":"BA-1","applicationId":"7b5c3c1e-0000-4000-8000-00000000000a",'
        '"attachments":[{"filename":"Ringelnatter-1.pdf","sha512sum":"'
        + hashlib.sha512(b"eins").hexdigest()
        + '","contentLength":4}]}'
    )
    key = certificates.clients[SENDER].key
    signature = base64.b64encode(key.sign(content.encode(), PKCS1v15(), SHA512())).decode()
    expected = f'{{"content":{json.dumps(content, ensure_ascii=False)},"sha512sum":"{signature}"}}'
    assert prepare(mailbox_of(**signs), made) == expected.encode()
    assert prepare(mailbox_of(**signs), made) == expected.encode()


def test_openssl_verifies_the_signature_over_the_bytes_that_are_sent(
    signs: dict[str, str], certificates: ca.Certificates, tmp_path: Path
) -> None:
    prepared = prepare(mailbox_of(**signs), notice(text="Ä\u2028 '\"\\ \U0001f4ec"))
    assert isinstance(prepared, bytes)
    fields = json.loads(prepared)
    public = certificates.clients[SENDER].certificate.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "signature").write_bytes(base64.b64decode(fields["sha512sum"]))
    sent = fields["content"].encode()
    again = json.dumps(json.loads(sent)).encode()
    assert [_verifies(tmp_path, each) for each in (sent, again)] == [True, False]


def _verifies(folder: Path, content: bytes) -> bool:
    (folder / "content").write_bytes(content)
    command = "openssl dgst -sha512 -verify key.pem -signature signature content"
    run = subprocess.run(command.split(), cwd=folder, capture_output=True, check=False)
    return run.returncode == 0


class _Shown(HTMLParser):
    """What a browser shows of a text, and by which tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self.words += " "

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.slow
@settings(deadline=None)
@given(st.text(st.sampled_from("ab<>&;'\"#x1/! \n\r\t-Ä"), min_size=1, max_size=60))
def test_no_text_becomes_html_and_none_is_lost(text: str) -> None:
    prepared = prepare(mailbox_of(), notice(text=f"[{text}]"))
    # Read as the sandbox does: it refuses tags but a few, and every & that is no reference.
    shown = _Shown(Message.read(json.dumps(content_of(prepared)).encode()).content)
    assert shown.tags <= {"p", "br"}
    assert shown.words.split() == f"[{text}]".split()


def test_what_the_settings_add_stands_in_each_message() -> None:
    found = content_of(prepare(mailbox_of(**FURTHER), notice(text=None)))
    assert found["sender"] == FURTHER["sender"]
    assert found["senderUrl"] == FURTHER["sender_url"]
    assert found["content"] == "<p>Siehe &amp; lies den Anhang.</p>"
    assert found["retrievalConfirmationAddress"] == FURTHER["retrieval_address"]
    assert found["replyAddress"] == FURTHER["reply_address"]


def test_documents_are_announced_in_their_order() -> None:
    found = content_of(prepare(mailbox_of(), notice(b"1", b"22", b"333")))["attachments"]
    assert [each["contentLength"] for each in found] == [1, 2, 3]
    assert [each["sha512sum"] for each in found] == [
        hashlib.sha512(data).hexdigest() for data in (b"1", b"22", b"333")
    ]


@pytest.mark.parametrize(("named", "level"), [("low", 1), ("substantial", 3), ("high", 4)], ids=str)
def test_each_level_has_its_number(named: str, level: int) -> None:
    found = content_of(prepare(mailbox_of(), notice(assurance_level=named)))
    assert found["stork_qaa_level"] == level


def test_contents_are_as_those_that_were_observed(signs: dict[str, str]) -> None:
    schemas = SHARED / "data"
    if not schemas.is_dir():
        pytest.skip("the observed schemas are not here; POSTFACH_SHARED names their folder")
    prepared = prepare(mailbox_of(**FURTHER, **signs), notice(b"1", b"2", case_reference="BA-1"))
    assert isinstance(prepared, bytes)
    read = json.loads
    envelope = read((schemas / "zbp-signed-envelope.observed.schema.json").read_bytes())
    jsonschema.validate(read(prepared), envelope)
    known = read((schemas / "zbp-message-v6.observed.schema.json").read_bytes())
    jsonschema.validate(content_of(prepared), known)
    assert set(content_of(prepared)) <= set(known["properties"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": "&" * (TEXT_BYTES_MAX // 5)}, "TOO_LARGE"),  # 5 bytes each, and <p></p>
        ({"text": " \n\t"}, "CONTENT_INVALID"),
        ({"subject": "x" * 1025}, "CONTENT_INVALID"),
        ({"service": "urn:" + "x" * 252}, "CONTENT_INVALID"),
        ({"case_reference": "x" * 256}, "CONTENT_INVALID"),
    ],
)
def test_what_the_service_would_never_take_is_refused_before_it_is_sent(
    changes: dict[str, Any], code: str
) -> None:
    assert refusal(prepare(mailbox_of(), notice(**changes))) == code


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ([{"size": FILE_BYTES_MAX + 1}], "TOO_LARGE"),
        ([{"size": FILE_BYTES_MAX}] * 3, "TOO_LARGE"),
        ([{"size": 1}] * 101, "TOO_LARGE"),
        ([{"size": 0}], "CONTENT_INVALID"),
        ([{"filename": 'a".pdf'}], "CONTENT_INVALID"),
        ([{"filename": "a\r\nb.pdf"}], "CONTENT_INVALID"),
        ([{"filename": "a\\b.pdf"}], "CONTENT_INVALID"),
        ([{"filename": "x" * 256}], "CONTENT_INVALID"),
    ],
)
def test_documents_that_it_would_never_take_are_refused(
    facts: list[dict[str, Any]], code: str
) -> None:
    (plain,) = notice().documents
    documents = [plain.model_dump() | {"filename": f"{n}.pdf"} | one for n, one in enumerate(facts)]
    assert refusal(prepare(mailbox_of(), notice(documents=documents))) == code


def test_the_largest_that_is_taken_fits() -> None:
    text = "&" * ((TEXT_BYTES_MAX - len("<p></p>")) // 5)
    (plain,) = notice().documents
    documents = [plain.model_dump() | {"size": FILE_BYTES_MAX, "filename": "a.pdf"}]
    rest = FILES_BYTES_MAX - FILE_BYTES_MAX
    documents += [plain.model_dump() | {"size": rest // 2, "filename": f"{n}.pdf"} for n in "bc"]
    prepared = prepare(mailbox_of(), notice(text=text, documents=documents, subject="x" * 1024))
    assert isinstance(prepared, bytes)


@pytest.mark.parametrize("sign", ["\\", "\U0001f4ec", "'", "Ä"])
def test_what_grows_when_it_is_written_is_refused_by_what_it_became(sign: str) -> None:
    prepared = prepare(mailbox_of(), notice(text=sign * 270_000))
    if isinstance(prepared, bytes):
        assert len(prepared) <= PREPARED_MAX
    else:
        assert refusal(prepared) == "TOO_LARGE"
    assert isinstance(prepare(mailbox_of(), notice(text=sign * 150_000)), bytes)


def test_a_document_whose_sha512_is_not_known_is_not_guessed() -> None:
    (plain,) = notice().documents
    with pytest.raises(ValueError, match="SHA-512"):
        prepare(mailbox_of(), notice(documents=[plain.model_dump() | {"sha512": None}]))


@pytest.mark.parametrize(
    "address",
    [
        "40000000-0000-4000-8000-000000000004 ",
        "KSt/xSSEyf6rCGOfApnzHp2B2ZqvCqWfVbQxFXhKFjU=",  # a bPK2: an identifier, not a mailbox
        "40000000000040008000000000000004",
        "{40000000-0000-4000-8000-000000000004}",
        "urn:uuid:40000000-0000-4000-8000-000000000004",
    ],
)
def test_what_is_no_handle_is_no_address(address: str) -> None:
    assert mailbox_of().capabilities().normal(address) is None


def test_a_handle_counts_in_lower_case() -> None:
    handle = "ABCDEF00-0000-4000-8000-00000000000A"
    assert mailbox_of().capabilities().normal(handle) == handle.lower()
    made = notice(mailbox={"id": handle})
    assert content_of(prepare(mailbox_of(), made))["mailboxUuid"] == handle.lower()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": None}, "url"),
        ({"url": "http://zbp.example"}, "url"),
        ({"url": "https://zbp.example/v6"}, "url"),
        ({"transport": "fax"}, "transport"),
        ({"reply_address": "nobody"}, "reply_address"),
        ({"sender_url": "javascript:alert(1)"}, "sender_url"),
        ({"certificat_file": "x"}, "certificat_file"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Mailbox.Config.model_validate(PLAIN | settings)
