"""Event tokens of the sandbox: really signed, as observed, and wrong ones wrong in one way."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import RSAKey

from postfach_fitconnect import Data, FitConnect, Parcel, Reference, Service
from postfach_fitconnect.assumed import EventType
from postfach_fitconnect.log import Logs
from postfach_fitconnect.sandbox import ACTIVE, ISSUER
from postfach_fitconnect.sandbox.attempt import SCHEMA, SERVICE, Attempt, payload
from postfach_fitconnect.sandbox.refusing import SLUGS
from postfach_fitconnect.sandbox.switching import Spoil
from postfach_fitconnect.sandbox.trial import Trial, trying
from postfach_fitconnect.sets import Why
from postfach_mailbox import Deposited, Outcome, Pending, Refused, Unknown

pytestmark = pytest.mark.slow

SHARED = Path(os.environ.get("POSTFACH_SHARED", Path(__file__).resolve().parents[5] / "shared"))
OBSERVED = SHARED / "data" / "fitconnect-set.observed.schema.json"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trying(tmp_path_factory.mktemp("sandbox")) as trial:
        yield trial


@pytest.fixture
def trial(served: Trial) -> Iterator[Trial]:
    yield served
    served.platform.switches.turn("*", "good")


class Sender:
    """The client, as a mailbox uses it."""

    def __init__(self, trial: Trial) -> None:
        self.service = Service(FitConnect.model_validate(trial.settings))
        self.kept: list[str] = []

    def deposit(self, destination: str = ACTIVE) -> Outcome:
        parcel = Parcel(
            destination=destination,
            service=SERVICE,
            data=Data(content=b'{"text":"a"}', schema=SCHEMA),
        )
        return self.service.deposit(parcel, self.kept.append, lambda: 20.0)

    def log(self) -> list[Why]:
        """Return why tokens of the last submission are refused."""
        service = self.service
        logs = Logs(service._api, service._destinations, ISSUER)
        read = logs.read(Reference.read(self.kept[-1]), lambda: 20.0)
        return [each.why for each in read.refused]


@pytest.fixture
def sender(trial: Trial) -> Sender:
    return Sender(trial)


def header(token: str) -> dict[str, Any]:
    return payload(f".{token}")


def verified(attempt: Attempt, token: str, at: str) -> None:
    """Verify a token with the key that is found at a path. Raises BadSignatureError."""
    found = attempt.ask(at).json
    jwk = found["keys"][0] if "keys" in found else found
    assert (jwk["kid"], jwk["alg"], jwk["key_ops"]) == (header(token)["kid"], "PS512", ["verify"])
    registry = jws.JWSRegistry(algorithms=["PS512"])
    key = RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})
    jws.deserialize_compact(token, key, registry=registry)


def tokens(attempt: Attempt) -> list[str]:
    return list(attempt.ask(f"/v2/submissions/{attempt.submission}/events").json["eventLog"])


def test_tokens_are_signed_by_whom_they_say(trial: Trial) -> None:
    attempt = trial.attempt()
    assert attempt.run().status == 202
    create, submit, accept = tokens(attempt)
    own = f"/v2/destinations/{ACTIVE}/keys/{header(accept)['kid']}"
    for token, issuer, at in (
        (create, ISSUER, "/.well-known/jwks.json"),
        (submit, ISSUER, "/.well-known/jwks.json"),
        (accept, ACTIVE, own),
    ):
        verified(attempt, token, at)
        assert payload(token)["iss"] == issuer
        assert header(token)["typ"] == "secevent+jwt"
    first, second, third = submit.split(".")
    with pytest.raises(BadSignatureError):
        verified(
            attempt, ".".join((first, second, third[:-8] + "AAAAAAAA")), "/.well-known/jwks.json"
        )


def test_tokens_are_as_they_were_observed(trial: Trial) -> None:
    if not OBSERVED.exists():
        pytest.skip("the observed schema is not there; POSTFACH_SHARED names its folder's parent")
    rules = json.loads(OBSERVED.read_text("utf-8"))
    attempt, rejected, withdrawn = (trial.attempt() for _ in range(3))
    assert attempt.run().status == 202
    trial.platform.switches.turn("*", "reject", once=True)
    assert rejected.run().status == 202
    assert withdrawn.create().status == 201
    assert withdrawn.ask(f"/v2/submissions/{withdrawn.submission}", "DELETE").status == 204
    found = [*attempt.events, *rejected.events, *withdrawn.events]
    assert len(found) == 8
    for each in found:
        jsonschema.validate(each, rules)
    names = {name for each in found for name in each["events"]}
    known = (EventType.CREATE, EventType.SUBMIT, EventType.ACCEPT, EventType.REJECT)
    assert names == {*known, EventType.DELETE}
    assert len({each["jti"] for each in found}) == 8


def test_a_token_is_about_its_submission_case_and_bytes(trial: Trial) -> None:
    attempt = trial.attempt()
    sent: list[bytes] = []

    def seen(token: bytes) -> bytes:
        sent.append(token)
        return token

    attempt.altered = dict.fromkeys(("metadata", "data", "0", "1"), seen)
    assert attempt.run().status == 202
    by_part = [each.rpartition(b".")[2].decode() for each in sent]
    wanted = {
        "attachments": dict(zip(attempt.announced, by_part[:2], strict=True)),
        "metadata": by_part[2],
        "data": by_part[3],
    }
    for each in attempt.events[1:]:
        assert (each["sub"], each["txn"]) == (
            f"submission:{attempt.submission}",
            f"case:{attempt.case}",
        )
        ((_, value),) = each["events"].items()
        assert value["authenticationTags"] == wanted


def test_a_token_has_the_time_of_the_servers_clock(trial: Trial) -> None:
    trial.platform.switches.turn(ACTIVE, "clock-skew", 7200)
    skewed = trial.attempt()
    assert skewed.run().status == 202
    trial.platform.switches.turn("*", "good")
    straight = trial.attempt()
    assert straight.run().status == 202
    ahead = skewed.events[-1]["iat"] - straight.events[-1]["iat"]
    assert abs(ahead - 7200) < 30


def test_the_client_takes_a_right_accept_as_deposit(trial: Trial, sender: Sender) -> None:
    outcome = sender.deposit()
    assert isinstance(outcome, Deposited)
    assert outcome.evidence[0].data.decode() == trial.platform.records.all()[-1].events[-1]


SPOILT = {
    Spoil.SIGNATURE: Why.SIGNATURE,
    Spoil.ALGORITHM: Why.ALGORITHM,
    Spoil.KEY: Why.KEY,
    Spoil.ISSUER: Why.ISSUER,
    Spoil.BY: Why.TYPE,
    Spoil.SUBJECT: Why.SUBJECT,
    Spoil.CASE: Why.CASE,
    Spoil.TYPE: Why.TYPE,
    Spoil.TWO: Why.TYPE,
    Spoil.TIME: Why.TIME,
    Spoil.TAGS: Why.TAGS,
}


@pytest.mark.parametrize("spoil", Spoil)
def test_a_token_is_wrong_in_one_way_only(trial: Trial, sender: Sender, spoil: Spoil) -> None:
    trial.platform.switches.turn(ACTIVE, spoil, once=True)
    assert isinstance(sender.deposit(), Pending)
    reference = Reference.read(sender.kept[-1])
    if spoil is not Spoil.TAGS:  # what was sent is not known any more, only the answer
        assert sender.log() == [SPOILT[spoil]]
        assert isinstance(sender.service.reconcile(reference.text), Pending)
        trial.platform.decider.accept(reference.submission)  # a right one beside it
    assert isinstance(sender.service.reconcile(reference.text), Deposited)
    assert isinstance(sender.deposit(), Deposited)  # the switch held once


@pytest.mark.parametrize("slug", SLUGS)
def test_a_reject_names_its_problem(trial: Trial, sender: Sender, slug: str) -> None:
    trial.platform.switches.turn(ACTIVE, f"reject-{slug}", once=True)
    sender.deposit()
    outcome = sender.service.reconcile(sender.kept[-1])
    assert isinstance(outcome, Refused)
    assert (outcome.reason.mailbox_code, slug in outcome.reason.text) == (slug, True)
    issuer = payload(trial.platform.records.all()[-1].events[-1])["iss"]
    assert issuer == (ISSUER if slug == "not-fetched" else ACTIVE)


def test_a_reject_whose_token_is_wrong_proves_nothing(trial: Trial, sender: Sender) -> None:
    attempt = trial.attempt()
    attempt.clear["data"] = b"{}"
    trial.platform.switches.turn(ACTIVE, Spoil.SIGNATURE, once=True)
    assert attempt.run().status == 202
    reference = Reference(submission=attempt.submission, destination=ACTIVE, case=attempt.case)
    assert isinstance(sender.service.reconcile(reference.text), Pending)


def test_an_event_log_that_is_cut_says_nothing(trial: Trial, sender: Sender) -> None:
    trial.platform.switches.turn(ACTIVE, "events-cut")
    assert isinstance(sender.deposit(), Pending)
    assert isinstance(sender.service.reconcile(sender.kept[-1]), Unknown)
    trial.platform.switches.turn(ACTIVE, "good")
    assert isinstance(sender.service.reconcile(sender.kept[-1]), Deposited)
