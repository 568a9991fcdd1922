"""Wrong requests, each sent over TLS, and the valid one beside them; restarts; the program."""

import hashlib
import http.client
import json
import re
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from postfach_mailbox_muk import kit
from postfach_mailbox_muk.assumed import ORDERS, STATUS, UPLOAD, Code, State
from postfach_mailbox_muk.sandbox import SUBSTANTIAL, Service, serving
from postfach_sandbox import ca

pytestmark = pytest.mark.slow
PDF = b"%PDF-1.4\n%%EOF\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    status: int
    body: dict[str, Any]


@dataclass(slots=True, kw_only=True)  # a test spoils it
class Line:
    """Requests, made without the plugin's code, so that a test can spoil a piece."""

    port: int
    files: ca.Files
    certificate: Path | None = None
    headers: dict[str, str | None] = field(default_factory=dict)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Heard:
        context = ssl.create_default_context(cafile=str(self.files.ca))
        pem = self.certificate or self.files.clients[kit.SENDER].pem
        if self.headers.pop("no certificate", "yes") == "yes":
            context.load_cert_chain(pem)
        line = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=20)
        wanted: dict[str, str | None] = {"Content-Length": str(len(body)), **headers}
        wanted |= self.headers
        line.putrequest(method, path)
        for name, value in wanted.items():
            if value is not None:
                line.putheader(name, value)
        line.endheaders(body)
        answer = line.getresponse()
        data = answer.read()
        line.close()
        found = json.loads(data) if data.startswith((b"{", b"[")) else {}
        return Heard(status=answer.status, body=found if isinstance(found, dict) else {})

    def upload(self, data: bytes = PDF, name: str = "Bescheid.pdf") -> Heard:
        return self.send(
            "POST", UPLOAD, data, **{"Content-Type": "application/pdf", "X-File-Name": name}
        )

    def order(self, fields: dict[str, Any] | bytes) -> Heard:
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        return self.send("POST", ORDERS, body, **{"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Line]]:
    folder = tmp_path_factory.mktemp("muk")
    files = kit.certificates().write(folder / "certificates")
    service = Service(folder / "sandbox", senders=frozenset({kit.SENDER}))
    with serving(service, files) as up:
        yield service, Line(port=up.port, files=files)


@pytest.fixture
def line(served: tuple[Service, Line]) -> Line:
    return Line(port=served[1].port, files=served[1].files)


def valid(line: Line) -> dict[str, Any]:
    return {
        "orderId": str(uuid.uuid4()),
        "senderReference": "a" * 64,
        "recipient": SUBSTANTIAL,
        "level": 1,
        "sender": "Amt",
        "subject": "Ihr Bescheid",
        "text": "Guten Tag",
        "service": "urn:de:fim:leika:leistung:99012012001000",
        "mayReply": True,
        "documents": [
            {
                "fileId": line.upload().body["fileId"],
                "filename": "Bescheid.pdf",
                "contentType": "application/pdf",
                "size": len(PDF),
                "sha256": hashlib.sha256(PDF).hexdigest(),
            }
        ],
    }


Spoil = Callable[[dict[str, Any]], object]


def put(name: str, value: object) -> Spoil:
    return lambda fields: fields.update({name: value})


def paper(name: str, value: object) -> Spoil:
    return lambda fields: fields["documents"][0].update({name: value})


def drop(name: str) -> Spoil:
    return lambda fields: fields.pop(name)


WRONG: dict[str, tuple[Spoil, Code]] = {
    "no order id": (drop("orderId"), Code.REQUEST_INVALID),
    "order id in capitals": (put("orderId", str(uuid.uuid4()).upper()), Code.REQUEST_INVALID),
    "no recipient": (drop("recipient"), Code.REQUEST_INVALID),
    "another prefix": (put("recipient", "de-12345678"), Code.REQUEST_INVALID),
    "level 0": (put("level", 0), Code.REQUEST_INVALID),
    "level high": (put("level", 3), Code.REQUEST_INVALID),
    "level as text": (put("level", "1"), Code.REQUEST_INVALID),
    "no subject": (put("subject", ""), Code.REQUEST_INVALID),
    "subject of 256": (put("subject", "x" * 256), Code.REQUEST_INVALID),
    "sender of 256": (put("sender", "x" * 256), Code.REQUEST_INVALID),
    "text of 10001": (put("text", "x" * 10_001), Code.REQUEST_INVALID),
    "text null": (put("text", None), Code.REQUEST_INVALID),
    "unknown field": (put("more", 1), Code.REQUEST_INVALID),
    "no documents": (put("documents", []), Code.REQUEST_INVALID),
    "51 documents": (
        lambda fields: fields.update(documents=fields["documents"] * 51),
        Code.REQUEST_INVALID,
    ),
    "a document twice": (
        lambda fields: fields.update(documents=fields["documents"] * 2),
        Code.REQUEST_INVALID,
    ),
    "no sender reference": (drop("senderReference"), Code.REQUEST_INVALID),
    "no may reply": (drop("mayReply"), Code.REQUEST_INVALID),
    "file that was not uploaded": (paper("fileId", str(uuid.uuid4())), Code.FILE_UNKNOWN),
    "wrong digest": (paper("sha256", "0" * 64), Code.FILE_MISMATCH),
    "digest in capitals": (paper("sha256", "A" * 64), Code.REQUEST_INVALID),
    "wrong length": (paper("size", len(PDF) + 1), Code.FILE_MISMATCH),
    "length 0": (paper("size", 0), Code.REQUEST_INVALID),
    "another name": (paper("filename", "Anlage.pdf"), Code.FILE_MISMATCH),
    "name with a path": (paper("filename", "../x.pdf"), Code.REQUEST_INVALID),
    "another type": (paper("contentType", "text/plain"), Code.FILE_MISMATCH),
}


def test_the_valid_one_is_taken(line: Line) -> None:
    assert line.order(valid(line)).status == 202


@pytest.mark.parametrize("which", WRONG)
def test_a_wrong_order_is_refused_and_nothing_is_taken(
    served: tuple[Service, Line], line: Line, which: str
) -> None:
    spoil, code = WRONG[which]
    fields = valid(line)
    before = len(served[0].orders.all())
    spoil(fields)
    heard = line.order(fields)
    assert (heard.body.get("code"), heard.status) == (code, STATUS[code])
    assert len(served[0].orders.all()) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff{}", b'{"a": 1, "a": 2}', b"[" * 100_000])
def test_what_is_no_json_is_refused(line: Line, body: bytes) -> None:
    assert line.order(body).body["code"] == Code.REQUEST_INVALID


def test_an_order_id_counts_once(line: Line) -> None:
    fields = valid(line)
    assert line.order(fields).status == 202
    other = {**fields, "subject": "Ein anderer"}
    heard = line.order(other)
    assert (heard.status, heard.body["code"]) == (409, Code.ORDER_KNOWN)


@pytest.mark.parametrize("who", ["none", "unregistered"])
def test_who_is_not_known_is_let_in_nowhere(line: Line, who: str, tmp_path: Path) -> None:
    if who == "none":
        line.headers["no certificate"] = "true"
    else:
        other = kit.certificates().authority.client("unregistered", bits=2048)
        line.certificate = ca.write_client(tmp_path, "unregistered", other).pem
    heard = line.order(b"{}")
    assert (heard.status, heard.body["code"]) == (403, Code.CLIENT_REFUSED)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "application/zip"}, Code.TYPE_REFUSED),
        ({"X-File-Name": None}, Code.REQUEST_INVALID),
        ({"X-File-Name": "..%2Fx.pdf"}, Code.REQUEST_INVALID),
        ({"X-File-Name": "%FF"}, Code.REQUEST_INVALID),
        ({"Content-Length": str(21 * 1024 * 1024)}, Code.TOO_LARGE),
    ],
)
def test_a_wrong_upload_is_refused(line: Line, headers: dict[str, str | None], code: Code) -> None:
    line.headers = dict(headers)
    heard = line.upload()
    assert (heard.status, heard.body["code"]) == (STATUS[code], code)


def test_an_order_of_another_client_is_not_known(served: tuple[Service, Line], line: Line) -> None:
    service, _ = served
    fields = valid(line)
    line.order(fields)
    other = service.orders.get(fields["orderId"])
    assert other is not None
    service.orders.put(other.model_copy(update={"client": "another"}))
    heard = line.send("GET", f"{ORDERS}/{fields['orderId']}")
    assert (heard.status, heard.body["code"]) == (404, Code.ORDER_UNKNOWN)


def test_all_is_remembered_after_a_restart(tmp_path: Path) -> None:
    files = kit.certificates().write(tmp_path / "certificates")
    senders = frozenset({kit.SENDER})
    with serving(Service(tmp_path / "sandbox", senders=senders, after=None), files) as up:
        line = Line(port=up.port, files=files)
        fields = valid(line)
        assert line.order(fields).status == 202
    service = Service(tmp_path / "sandbox", senders=senders)
    with serving(service, files) as up:
        line = Line(port=up.port, files=files)
        assert line.order(fields).status == 409
        assert service.deposit(fields["orderId"]).state is State.DEPOSITED
        assert line.send("GET", f"{ORDERS}/{fields['orderId']}").body["state"] == "DEPOSITED"
    again = Service(tmp_path / "sandbox", senders=senders)
    again.orders.forget(fields["orderId"])  # a kill before it was written
    assert len(again.mailboxes.arrivals.all()) == 1
    with serving(again, files) as up:
        assert Line(port=up.port, files=files).order(fields).status == 409


def test_the_program_serves_until_it_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "postfach_mailbox_muk.sandbox", "--port", "0", "--by-hand"]
    command += ["--folder", str(tmp_path), "--bits", "2048"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        told = re.match(r"ready on https://127\.0\.0\.1:(\d+)/\n", program.stdout.readline())
        assert told is not None
        files = ca.files(tmp_path / "certificates", ["authority"])
        line = Line(port=int(told[1]), files=files)
        fields = valid(line)
        assert line.order(fields).status == 202
        made = line.send("POST", f"/deposit?order={fields['orderId']}")
        assert made.body["state"] == "DEPOSITED"
        reply = line.send("POST", f"/reply?order={fields['orderId']}&subject=A", b"%PDF-1.4")
        assert reply.status == 200
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0
    facts = json.loads((tmp_path / "arrived" / "000001" / "facts.json").read_text("utf-8"))
    assert facts["facts"]["order"] == fields["orderId"]
