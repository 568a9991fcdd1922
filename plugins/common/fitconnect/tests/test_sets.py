"""Security event tokens: one that is wholly right counts, any other is refused for its reason."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_fitconnect.assumed import CLOCK_LEEWAY, EventType, Issuer
from postfach_fitconnect.keys import base64url, unbase64
from postfach_fitconnect.sets import (
    Expected,
    SetRefused,
    Signer,
    Tags,
    Why,
    signer,
    verified,
)
from postfach_fitconnect.testkit import DESTINATION, URL, Keys, claims, pair, sign

SUBMISSION = "22222222-2222-4222-8222-222222222222"
CASE = "33333333-3333-4333-8333-333333333333"
OTHER = "44444444-4444-4444-8444-444444444444"
NOW = time.time()
EXPECTED = Expected(service=URL, destination=DESTINATION, submission=SUBMISSION, case=CASE)
ISSUERS = {Issuer.SERVICE: URL, Issuer.DESTINATION: DESTINATION}


def told(event: EventType, by: Issuer, **value: Any) -> dict[str, Any]:
    return claims(event, ISSUERS[by], SUBMISSION, CASE, value)


def accept(**changes: Any) -> dict[str, Any]:
    return {**told(EventType.ACCEPT, Issuer.DESTINATION), **changes}


def held(keys: Keys) -> dict[Signer, Any]:
    """Return the keys as they were fetched."""
    return {
        Signer(issuer=Issuer.SERVICE, kid=keys.service.kid): keys.service.private.public_key(),
        Signer(
            issuer=Issuer.DESTINATION, kid=keys.destination.kid
        ): keys.destination.private.public_key(),
    }


def refusal(token: str, keys: Keys, expected: Expected = EXPECTED, now: float | None = None) -> Why:
    with pytest.raises(SetRefused) as refused:
        verified(token, held(keys), expected, time.time() if now is None else now)
    return refused.value.why


@pytest.mark.parametrize(
    ("event", "by"),
    [
        (EventType.CREATE, Issuer.SERVICE),
        (EventType.SUBMIT, Issuer.SERVICE),
        (EventType.NOTIFY, Issuer.SERVICE),
        (EventType.FORWARD, Issuer.SERVICE),
        (EventType.FORWARD, Issuer.DESTINATION),
        (EventType.REJECT, Issuer.SERVICE),
        (EventType.REJECT, Issuer.DESTINATION),
        (EventType.ACCEPT, Issuer.DESTINATION),
        (EventType.DELETE, Issuer.SERVICE),
    ],
)
def test_a_token_that_is_wholly_right_counts(keys: Keys, event: EventType, by: Issuer) -> None:
    said = told(event, by)
    token = sign(said, getattr(keys, by.value))
    assert signer(token, EXPECTED) == Signer(issuer=by, kid=getattr(keys, by.value).kid)
    found = verified(token, held(keys), EXPECTED, time.time())
    assert (found.type, found.issuer, found.id) == (event, by, said["jti"])
    assert found.at.timestamp() == said["iat"]
    assert found.token == token


def test_a_reject_names_kinds_of_problems_and_no_texts_of_the_case(keys: Keys) -> None:
    problems = [{"type": "t", "title": "x", "detail": "Canary", "instance": "Canary"}, "odd", {}]
    token = sign(told(EventType.REJECT, Issuer.DESTINATION, problems=problems), keys.destination)
    found = verified(token, held(keys), EXPECTED, time.time())
    assert [(each.type, each.title) for each in found.problems] == [("t", "x"), ("", "")]
    assert "Canary" not in repr(found.problems)


CLAIMS: list[tuple[Mapping[str, Any], Why]] = [
    ({"iss": OTHER}, Why.ISSUER),
    ({"iss": "https://submission.example.evil"}, Why.ISSUER),
    ({"iss": URL + "/more"}, Why.ISSUER),
    ({"iss": URL}, Why.KEY),  # the service has no key of the destination's id
    ({"sub": f"submission:{OTHER}"}, Why.SUBJECT),
    ({"sub": f"reply:{SUBMISSION}"}, Why.SUBJECT),
    ({"sub": SUBMISSION}, Why.SUBJECT),
    ({"sub": f"submission:{SUBMISSION} "}, Why.SUBJECT),
    ({"txn": f"case:{OTHER}"}, Why.CASE),
    ({"txn": CASE}, Why.CASE),
    ({"events": {EventType.ACCEPT.value: {}, EventType.SUBMIT.value: {}}}, Why.TYPE),
    ({"events": {EventType.ACCEPT.value + "s": {}}}, Why.TYPE),
    ({"events": {EventType.ACCEPT.value: []}}, Why.TYPE),
    ({"events": {EventType.CREATE.value: {}}}, Why.TYPE),
    ({"events": {EventType.SUBMIT.value: {}}}, Why.TYPE),
    ({"events": {EventType.DELETE.value: {}}}, Why.TYPE),
    ({"events": {}}, Why.CLAIMS),
    ({"iat": "1"}, Why.CLAIMS),
    ({"iat": 1.5}, Why.CLAIMS),
    ({"iat": True}, Why.CLAIMS),
    ({"iat": None}, Why.CLAIMS),
    ({"iat": int(NOW + CLOCK_LEEWAY) + 86400}, Why.TIME),
    ({"iat": 1}, Why.TIME),
    ({"iat": -1}, Why.TIME),
    ({"iat": 10**300}, Why.TIME),
    ({"jti": ""}, Why.CLAIMS),
    ({"jti": 1}, Why.CLAIMS),
    ({"sub": None}, Why.CLAIMS),
    ({"txn": None}, Why.CLAIMS),
    ({"iss": None}, Why.CLAIMS),
]


@pytest.mark.parametrize(("changes", "why"), CLAIMS)
def test_a_signed_token_that_claims_something_else_is_refused(
    keys: Keys, changes: Mapping[str, Any], why: Why
) -> None:
    assert refusal(sign(accept(**changes), keys.destination), keys) is why


@pytest.mark.parametrize("name", ["jti", "iat", "iss", "sub", "txn", "events"])
def test_a_claim_that_is_missing_is_refused(keys: Keys, name: str) -> None:
    said = {claim: value for claim, value in accept().items() if claim != name}
    assert refusal(sign(said, keys.destination), keys) is Why.CLAIMS


def test_the_service_cannot_accept_for_a_destination(keys: Keys) -> None:
    assert refusal(sign(accept(iss=URL), keys.service), keys) is Why.TYPE


HEADERS: list[tuple[Mapping[str, Any], Why]] = [
    ({"typ": "JWT"}, Why.FORM),
    ({"crit": ["exp"], "exp": 1}, Why.FORM),
    ({"b64": True}, Why.FORM),
    ({"alg": "none"}, Why.ALGORITHM),
    ({"alg": "HS256"}, Why.ALGORITHM),
    ({"alg": "RS512"}, Why.ALGORITHM),
    ({"alg": "PS256"}, Why.ALGORITHM),
    ({"kid": ""}, Why.KEY),
    ({"kid": 1}, Why.KEY),
    ({"kid": "unknown"}, Why.KEY),
    ({"x": 1}, Why.SIGNATURE),
]


@pytest.mark.parametrize(("changes", "why"), HEADERS)
def test_another_header_is_refused(keys: Keys, changes: Mapping[str, Any], why: Why) -> None:
    head, _, rest = sign(accept(), keys.destination).partition(".")
    changed = {**json.loads(unbase64(head)), **changes}
    token = base64url(json.dumps(changed).encode()).decode() + "." + rest
    assert refusal(token, keys) is why


@pytest.mark.parametrize("alg", ["RS512", "PS256", "PS384"])
def test_another_algorithm_of_the_same_key_is_refused(keys: Keys, alg: str) -> None:
    assert refusal(sign(accept(), keys.destination, alg=alg), keys) is Why.ALGORITHM


def test_a_stranger_with_the_key_s_id_is_refused(keys: Keys) -> None:
    token = sign(accept(), replace(keys.stranger, kid=keys.destination.kid))
    assert refusal(token, keys) is Why.SIGNATURE


def test_the_service_s_key_does_not_sign_for_a_destination(keys: Keys) -> None:
    token = sign(accept(), keys.service)
    assert refusal(token, keys) is Why.KEY
    token = sign(accept(), replace(keys.service, kid=keys.destination.kid))
    assert refusal(token, keys) is Why.SIGNATURE


def test_a_token_for_another_destination_proves_nothing_here(keys: Keys) -> None:
    token = sign(accept(), keys.destination)
    assert refusal(token, keys, replace(EXPECTED, destination=OTHER)) is Why.ISSUER


@pytest.mark.parametrize(
    "form",
    [
        "",
        "{h}.{p}.{s}.x",
        "{h}..{p}.{s}",
        "{h}.{p}",
        "{h}.{p}.",
        " {h}.{p}.{s}",
        "{h}.{p}.{s}\n",
        "e30.{p}.{s}",
        "W10.{p}.{s}",
        ".{p}.{s}",
        "{h}..{s}",
        "{h}=.{p}.{s}",
        "{h}.{p}=.{s}",
        "{h}.{p}.{s}ä",
        "{h}.{p}.{s}{s}",
        "{h}.{p}.{s}" + "A" * 20000,
    ],
)
def test_what_is_no_token_is_refused(keys: Keys, form: str) -> None:
    head, payload, signature = sign(accept(), keys.destination).split(".")
    token = form.format(h=head, p=payload, s=signature)
    assert refusal(token, keys) in (Why.FORM, Why.SIGNATURE)


@pytest.mark.parametrize(
    "text",
    [
        '{"iat": 1700000000, %s',
        '{"more": NaN, %s',
        '{"more": "' + "x" * 20000 + '", %s',
        '{"more": 1e999999, "more": 2, %s',
        '{"n": ' + "9" * 5000 + ", %s",
        "[" * 5000 + "%s",
    ],
)
def test_a_payload_that_is_odd_or_large_is_refused(keys: Keys, text: str) -> None:
    payload = text % json.dumps(accept())[1:]
    assert refusal(sign(payload, keys.destination), keys) is Why.FORM


TAGS = Tags(metadata="m", data="d", attachments={OTHER: "a"})


@pytest.mark.parametrize(
    ("told_tags", "right"),
    [
        ({"metadata": "m", "data": "d", "attachments": {OTHER: "a"}}, True),
        ({"metadata": "m"}, True),
        ({}, True),
        ({"metadata": "x", "data": "d"}, False),
        ({"data": "x"}, False),
        ({"attachments": {}}, False),
        ({"attachments": {OTHER: "x"}}, False),
        ({"attachments": {OTHER: "a", SUBMISSION: "b"}}, False),
        ([], False),
    ],
)
def test_tags_of_something_else_are_refused(keys: Keys, told_tags: Any, right: bool) -> None:
    said = told(EventType.ACCEPT, Issuer.DESTINATION, authenticationTags=told_tags)
    token = sign(said, keys.destination)
    verified(token, held(keys), EXPECTED, time.time())  # who does not know them cannot compare
    known = replace(EXPECTED, tags=TAGS)
    if right:
        verified(token, held(keys), known, time.time())
    else:
        assert refusal(token, keys, known) is Why.TAGS


_SMALL = pair("kid", 2048)
_KEYS = {
    Signer(issuer=Issuer.DESTINATION, kid="kid"): _SMALL.private.public_key(),
    Signer(issuer=Issuer.SERVICE, kid="kid"): _SMALL.private.public_key(),
}
_TOKEN = sign(accept(), _SMALL)


@given(st.text(max_size=400) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_whatever_comes_is_refused_and_nothing_else(token: str) -> None:
    with pytest.raises(SetRefused):
        verified(token, _KEYS, EXPECTED, time.time())


@given(st.integers(0, len(_TOKEN) - 1), st.characters())
@settings(max_examples=200, deadline=None)
def test_one_other_character_anywhere_is_refused(place: int, character: str) -> None:
    token = _TOKEN[:place] + character + _TOKEN[place + 1 :]
    if token != _TOKEN:
        with pytest.raises(SetRefused):
            verified(token, _KEYS, EXPECTED, time.time())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(st.sampled_from(["jti", "iat", "iss", "sub", "txn", "events", "more"]), json_values)
@settings(max_examples=150, deadline=None)
def test_a_signed_token_counts_only_with_the_right_claims(name: str, value: Any) -> None:
    said = accept(**{name: value})
    try:
        found = verified(sign(said, _SMALL), _KEYS, EXPECTED, time.time())
    except SetRefused:
        return
    assert said["iss"] in (URL, DESTINATION)
    assert said["sub"] == f"submission:{SUBMISSION}"
    assert said["txn"] == f"case:{CASE}"
    assert found.type is EventType.ACCEPT
    assert found.issuer is Issuer.DESTINATION
    assert found.at.timestamp() == said["iat"] <= time.time() + CLOCK_LEEWAY
