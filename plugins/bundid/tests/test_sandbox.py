"""States, the bridge's way in, switches, restarts, and the sandbox as a program."""

import http.client
import json
import re
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from postfach_mailbox_bundid.assumed import ANSWERS, STATES_IN_ORDER, Code
from postfach_mailbox_bundid.sandbox import HIGH, SUBSTANTIAL, Refusal, Service
from postfach_mailbox_bundid.sandbox.attempt import Attempt
from postfach_mailbox_bundid.sandbox.desk import Desk, trying
from postfach_sandbox import ca

Spoil = Callable[[Attempt], None]


def field(name: str, value: object) -> Spoil:
    return lambda attempt: attempt.fields.update({name: value})


def fresh() -> str:
    return str(uuid.uuid4())


WRONG_STATES: dict[str, tuple[Spoil, Code]] = {
    "status NONE": (field("status", "NONE"), Code.SCHEMA_INVALID),
    "status in small letters": (field("status", "processing"), Code.SCHEMA_INVALID),
    "no application": (lambda attempt: attempt.fields.pop("applicationId"), Code.SCHEMA_INVALID),
    "application null": (field("applicationId", None), Code.SCHEMA_INVALID),
    "service as text": (field("publicServiceName", "x"), Code.SCHEMA_INVALID),
    "service of 101": (field("publicServiceName", {"de": "x" * 101}), Code.SCHEMA_INVALID),
    "service in English": (field("publicServiceName", {"en": "x"}), Code.SCHEMA_INVALID),
    "sender of 101": (field("senderName", "x" * 101), Code.SCHEMA_INVALID),
    "details of 51": (field("statusDetails", {"de": "x" * 51}), Code.SCHEMA_INVALID),
    "details null": (field("statusDetails", None), Code.SCHEMA_INVALID),
    "information of 101": (field("additionalInformation", {"de": "x" * 101}), Code.SCHEMA_INVALID),
    "reference of 51": (field("reference", "x" * 51), Code.SCHEMA_INVALID),
    "date without milliseconds": (
        field("createdDate", "2026-03-01T10:00:00Z"),
        Code.SCHEMA_INVALID,
    ),
    "date with an offset": (
        field("createdDate", "2026-03-01T10:00:00.000+01:00"),
        Code.SCHEMA_INVALID,
    ),
    "30 February": (field("createdDate", "2026-02-30T10:00:00.000Z"), Code.SCHEMA_INVALID),
    "no token": (lambda attempt: attempt.headers.update(Authorization=None), Code.TOKEN_INVALID),
    "signature elsewhere": (
        lambda attempt: attempt.outer.update(sha512sum="AAAA"),
        Code.SIGNATURE_INVALID,
    ),
    "chunked": (
        lambda attempt: attempt.headers.update({"Transfer-Encoding": "chunked"}),
        Code.REQUEST_INVALID,
    ),
    "too large": (lambda attempt: attempt.outer.update(content="x" * 2_100_000), Code.TOO_LARGE),
    "text instead of JSON": (
        lambda attempt: attempt.headers.update({"Content-Type": "text/plain"}),
        Code.TYPE_REFUSED,
    ),
}


@pytest.mark.parametrize("name", WRONG_STATES)
def test_a_wrong_state_is_refused_and_leaves_nothing(desk: Desk, name: str) -> None:
    spoil, code = WRONG_STATES[name]
    attempt, before = desk.state(fresh()), desk.service.arrivals.all()
    spoil(attempt)
    heard = desk.send_state(attempt)
    assert (heard.code, heard.status) == (code, ANSWERS[code].status), heard.body
    assert desk.service.arrivals.all() == before


@pytest.mark.slow
def test_an_application_goes_through_its_states_and_not_back(desk: Desk) -> None:
    application = fresh()

    def to(status: str) -> int:
        attempt = desk.state(application)
        attempt.fields["status"] = status
        return desk.send_state(attempt).status

    assert [to(status) for status in STATES_IN_ORDER[:5]] == [200] * 5
    assert to("PROCESSING") == 200  # what was asked for has come
    assert to("PROCESSING") == 200
    assert to("RECEIVED") == 409
    assert to("COMPLETED") == 200
    assert to("ACTION_REQUIRED") == 409
    again = Service(desk.service.arrivals.folder)
    assert again.arrivals.all() == desk.service.arrivals.all()


def test_states_are_remembered_after_a_restart(
    tmp_path: Path, certificates: ca.Certificates
) -> None:
    application = fresh()
    with trying(tmp_path, certificates) as desk:
        assert desk.send_state(desk.state(application)).body["applicationId"] == application
    with trying(tmp_path, certificates) as desk:
        attempt = desk.state(application)
        attempt.fields["status"] = "SUBMITTED"
        assert desk.send_state(attempt).code == Code.STATE_BACKWARDS
        assert len(desk.service.arrivals.all()) == 1


def test_a_closed_mailbox_is_deleted_until_it_is_good_again(desk: Desk) -> None:
    desk.service.switches.turn(SUBSTANTIAL, "closed")
    other = desk.message()
    other.fields["mailboxUuid"] = HIGH
    assert (desk.send(desk.message()).status, desk.send(other).status) == (410, 200)
    envelope, files = desk.message().envelope(bridged=True), desk.message().files
    with pytest.raises(Refusal, match="deleted"):
        desk.service.receive(envelope, files, submission=fresh())
    desk.service.switches.turn("*", "good")
    assert desk.send(desk.message()).status == 200


def test_switches_act_before_and_after_storing(desk: Desk) -> None:
    def stored(do: str) -> tuple[int, int]:
        before = len(desk.service.arrivals.all())
        desk.service.switches.turn(SUBSTANTIAL, do, 5, once=True)
        try:
            status = desk.send(desk.message()).status
        except ConnectionError:
            status = 0
        return status, len(desk.service.arrivals.all()) - before

    assert stored("busy") == (429, 0)
    assert stored("error") == (500, 0)
    assert stored("away") == (503, 0)
    assert stored("drop-before") == (0, 0)
    assert stored("drop-after") == (0, 1)
    assert stored("wrong-type") == (200, 1)
    assert stored("good") == (200, 1)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_token_is_judged_by_the_servers_clock(desk: Desk, hours: int) -> None:
    desk.service.switches.turn("*", "clock-skew", hours * 3600)
    try:
        assert desk.send(desk.message()).code == Code.TOKEN_INVALID
    finally:
        desk.service.switches.turn("*", "good")


@pytest.mark.slow
def test_the_program_serves_until_it_is_ended(tmp_path: Path) -> None:
    mailbox = fresh()
    command = [sys.executable, "-m", "postfach_mailbox_bundid.sandbox", "--port", "0"]
    command += ["--folder", str(tmp_path), "--bits", "2048", "--account", f"{mailbox}=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        told = re.match(r"ready on https://127\.0\.0\.1:(\d+)/\n", program.stdout.readline())
        assert told is not None
        files = ca.files(tmp_path / "certificates", ["authority"])
        issued = ca.load_client(files.clients["authority"])
        heard = Attempt(issued, mailbox).send(
            int(told[1]), files.ca, files.clients["authority"].pem
        )
        assert heard.status == 200
        page = browse(int(told[1]), files.ca)
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0
    assert "Ihr Bescheid" in page
    facts = json.loads((tmp_path / "arrived" / "000001" / "facts.json").read_text("utf-8"))
    assert facts["facts"]["mailbox"] == mailbox


def browse(port: int, trust: Path) -> str:
    """Look at the page as a browser does, without a certificate."""
    context = ssl.create_default_context(cafile=trust)
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
