"""What comes to the service through FIT-Connect's bridge: as strictly, and once."""

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from postfach_mailbox_bundid.assumed import Code
from postfach_mailbox_bundid.sandbox import SUBSTANTIAL, Refusal
from postfach_mailbox_bundid.sandbox.desk import OTHER, SENDER, Desk, trying
from postfach_sandbox import ca
from postfach_sandbox.issuing import Issued


def fresh() -> str:
    return str(uuid.uuid4())


def test_the_bridge_hands_over_a_message(desk: Desk) -> None:
    attempt = desk.message()
    submission, other = fresh(), fresh()
    before = len(desk.service.arrivals.all())
    for _ in range(2):  # the bridge hands over again what it got no answer to
        desk.service.receive(attempt.envelope(bridged=True), attempt.files, submission=submission)
    (arrival,) = desk.service.arrivals.all()[before:]
    assert arrival.facts["submission"] == submission
    assert desk.service.arrivals.read(arrival.id, "file-02") == attempt.files[1].data
    state = desk.state(fresh()).envelope(bridged=True)
    for _ in range(2):
        desk.service.receive_state(state, submission=other)
    (arrival,) = desk.service.arrivals.all()[before + 1 :]
    assert (arrival.facts["status"], arrival.facts["submission"]) == ("PROCESSING", other)


def test_what_came_through_the_bridge_is_known_after_a_restart(
    tmp_path: Path, certificates: ca.Certificates
) -> None:
    submission = fresh()
    for _ in range(2):
        with trying(tmp_path, certificates) as desk:
            attempt = desk.message()
            envelope = attempt.envelope(bridged=True)
            desk.service.receive(envelope, attempt.files, submission=submission)
            assert len(desk.service.arrivals.all()) == 1


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        ("busy", 0),
        ("error", 0),
        ("away", 0),
        ("drop-before", 0),
        ("drop-after", 1),
        ("wrong-type", 1),
    ],
)
def test_the_bridge_asks_again_where_the_service_does_not_answer(
    desk: Desk, fault: str, stored: int
) -> None:
    attempt, submission = desk.message(), fresh()
    envelope = attempt.envelope(bridged=True)
    before = len(desk.service.arrivals.all())
    desk.service.switches.turn(SUBSTANTIAL, fault, once=True)
    with pytest.raises(OSError, match=fault):
        desk.service.receive(envelope, attempt.files, submission=submission)
    assert len(desk.service.arrivals.all()) == before + stored
    desk.service.receive(envelope, attempt.files, submission=submission)
    assert len(desk.service.arrivals.all()) == before + 1


def test_a_state_through_the_bridge_has_no_files(desk: Desk) -> None:
    state, files = desk.state(fresh()).envelope(bridged=True), desk.message().files
    with pytest.raises(Refusal) as refused:
        desk.service.receive_state(state, files, submission=fresh())
    assert refused.value.code == Code.ATTACHMENT_UNDECLARED


def test_the_bridges_token_is_judged_by_the_time_of_the_submission(desk: Desk) -> None:
    attempt = desk.message()
    for name in ("iat", "exp"):
        attempt.claims[name] -= 7200
    envelope = attempt.envelope(bridged=True)
    with pytest.raises(Refusal, match="expired"):
        desk.service.receive(envelope, attempt.files, submission=fresh())
    then = datetime.now(UTC) - timedelta(hours=2)
    desk.service.receive(envelope, attempt.files, submission=fresh(), at=then)


def pem(issued: Issued) -> str:
    return issued.certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("which", "code"),
    [
        ("none", Code.REQUEST_INVALID),
        ("no PEM", Code.CERTIFICATE_REFUSED),
        ("stranger", Code.CERTIFICATE_REFUSED),
        ("expired", Code.CERTIFICATE_REFUSED),
        ("unregistered", Code.CERTIFICATE_REFUSED),
        ("short key", Code.CERTIFICATE_REFUSED),
        ("signature", Code.SIGNATURE_INVALID),
        ("missing file", Code.ATTACHMENT_MISSING),
        ("other file", Code.DIGEST_WRONG),
        ("unknown", Code.MAILBOX_UNKNOWN),
    ],
)
def test_the_bridge_is_refused_as_strictly(desk: Desk, which: str, code: Code) -> None:
    attempt, known = desk.message(), desk.certificates
    certificates: dict[str, str | None] = {
        "none": None,
        "no PEM": "x",
        "stranger": pem(known.stranger),
        "expired": pem(known.expired),
        "unregistered": pem(known.clients[OTHER]),
        "short key": pem(known.authority.client(SENDER, bits=1024)),
    }
    if which in certificates:
        attempt.outer["authorCertificate"] = certificates[which]
    if which == "signature":
        attempt.outer["sha512sum"] = "AAAA"
    if which == "unknown":
        attempt.fields["mailboxUuid"] = fresh()
    envelope, files = attempt.envelope(bridged=True), attempt.files
    if which == "missing file":
        files = files[:1]
    if which == "other file":
        changed = files[0].data.replace(b"1", b"2")
        files = [dataclasses.replace(files[0], data=changed), files[1]]
    before = desk.service.arrivals.all()
    with pytest.raises(Refusal) as refused:
        desk.service.receive(envelope, files, submission=fresh())
    assert refused.value.code == code
    assert desk.service.arrivals.all() == before
