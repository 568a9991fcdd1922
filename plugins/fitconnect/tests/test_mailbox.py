"""Settings, capabilities, and what is asked of FIT-Connect."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from postfach_fitconnect import Parcel, Service
from postfach_mailbox import (
    Absent,
    Account,
    Acknowledged,
    Collected,
    Delivery,
    Fetched,
    Health,
    Pending,
    Repeat,
)
from postfach_mailbox_fitconnect import postfach_mailbox
from postfach_mailbox_fitconnect.mailbox import Mailbox

Make = Callable[..., Delivery]


def mailbox_of(settings: dict[str, Any], **more: Any) -> Mailbox:
    return Mailbox(Mailbox.Config.model_validate({**settings, **more}))


def test_the_hook_returns_the_class() -> None:
    assert postfach_mailbox() is Mailbox


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("no_such_key", "canary"),
        ("submission_url", "http://canary.example"),
        ("token_url", "https://canary.example/?a"),
        ("client_id", "with canary"),
        ("schema_uri", "with canary"),
        ("schema_uri", ""),
        ("assurance_level", "canary"),
        ("max_file", 0),
        ("max_total", 0),
        ("large_at_once", 65),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    key: str, value: object, settings: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Mailbox.Config.model_validate({**settings, key: value})
    assert key in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("key", ["submission_url", "token_url", "client_id", "secret_file"])
def test_a_missing_setting_is_named(key: str, settings: dict[str, Any]) -> None:
    del settings[key]
    with pytest.raises(ValidationError, match=key):
        Mailbox.Config.model_validate(settings)


def test_all_documents_have_room_for_the_largest(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="max_total: at least max_file"):
        mailbox_of(settings, max_file=1000, max_total=999)


def test_capabilities_follow_the_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    told = mailbox_of(
        settings,
        max_file=1000,
        max_total=5000,
        assurance_level="high",
        reply_key_file=str(tmp_path / "key.pem"),
    ).capabilities()
    assert (told.max_file, told.max_total, told.assurance_level) == (1000, 5000, "high")
    assert told.return_channel
    plain = mailbox_of(settings).capabilities()
    assert not plain.return_channel
    assert (plain.repeat, plain.confirms) == (Repeat.QUERYABLE, "later")
    assert plain.legal_bases == {"VWVFG41_2", "NONE"}
    assert plain.max_count == 99  # the hub's seal is the hundredth attachment


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("6E1F3A52-0000-4000-8000-00000000D001", "6e1f3a52-0000-4000-8000-00000000d001"),
        ("6e1f3a5200004000800000000000d001", None),
        ("urn:uuid:6e1f3a52-0000-4000-8000-00000000d001", None),
        ("6e1f3a52-0000-4000-8000-00000000d00g", None),
        ("6e1f3a52-0000-4000-8000-00000000d0011", None),
    ],
)
def test_an_address_is_a_destinations_uuid(
    address: str, normal: str | None, settings: dict[str, Any]
) -> None:
    assert mailbox_of(settings).capabilities().normal(address) == normal


class Asked:
    """What the service was asked, and what it answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parcels: list[tuple[Parcel, object, float]] = []
        self.others: list[object] = []
        monkeypatch.setattr(Service, "deposit", self.deposit)
        monkeypatch.setattr(Service, "reconcile", lambda _, what: self.note(what, Absent()))
        monkeypatch.setattr(Service, "health", lambda _: self.note(None, Health(status="up")))
        active = Account(status="active")
        monkeypatch.setattr(Service, "account", lambda _, what: self.note(what, active))
        monkeypatch.setattr(Service, "collect", lambda _, what: self.note(what, Collected()))
        fetched = Fetched(size=0, sha256="0" * 64)
        monkeypatch.setattr(Service, "fetch", lambda _, *what: self.note(what, fetched))
        monkeypatch.setattr(Service, "acknowledge", lambda _, what: self.note(what, Acknowledged()))

    def deposit(self, parcel: Parcel, keep: object, left: Callable[[], float]) -> Pending:
        self.parcels.append((parcel, keep, left()))
        return Pending(reference="r")

    def note(self, what: object, answer: object) -> object:
        self.others.append(what)
        return answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def test_a_deposit_is_one_parcel_within_the_calls_end(
    settings: dict[str, Any], make: Make, asked: Asked
) -> None:
    kept: list[str] = []
    answer = mailbox_of(settings, schema_uri="urn:agreed").deposit(make(), kept.append)
    assert answer == Pending(reference="r")
    ((parcel, keep, left),) = asked.parcels
    assert parcel.data.schema == "urn:agreed"
    assert keep == kept.append
    assert 0 < left <= 60


def test_all_else_is_asked_as_the_hub_asked(settings: dict[str, Any], asked: Asked) -> None:
    mailbox = mailbox_of(settings)
    assert mailbox.reconcile("key", "reference") == Absent()
    assert mailbox.reconcile("key", None) == Absent()
    assert mailbox.health().status == "up"
    assert mailbox.account("destination").status == "active"
    assert mailbox.collect("cursor") == Collected()
    assert mailbox.acknowledge("item") == Acknowledged()
    into = io.BytesIO()
    assert mailbox.fetch("item", 2, into).size == 0
    assert asked.others == [
        "reference",
        None,
        None,
        "destination",
        "cursor",
        "item",
        ("item", 2, into),
    ]
