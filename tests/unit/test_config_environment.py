from datetime import timedelta
from pathlib import Path

import pytest

from hub.config import Config, parse
from hub.errors import ConfigError
from tests.unit.test_config import GOOD


def config(text: str = GOOD, **environ: str) -> Config:
    return parse(text, Path("/etc/hub/hub.toml"), environ)


def errors(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD, Path("hub.toml"), environ)
    return list(caught.value.errors)


def test_a_variable_sets_a_key_and_wins_over_the_file() -> None:
    whole = config(HUB__SEAL__KEY="file:/run/seal.pem", HUB__SPOOL__RESCAN="5s")
    assert whole.seal.key == "file:/run/seal.pem"
    assert whole.spool.rescan == timedelta(seconds=5)


def test_numbers_truth_values_and_lists_are_read_as_toml() -> None:
    whole = config(
        HUB__MAILBOXES__ARCHIVE__IN_FLIGHT="3",
        HUB__MAILBOXES__ARCHIVE__SANDBOX="true",
        HUB__TENANTS__ROSTOCK__PROCEDURES__BAUAMT__AUTHORS='["ags:1", "ags:2"]',
    )
    assert whole.mailboxes["archive"].in_flight == 3
    assert whole.mailboxes["archive"].sandbox is True
    assert whole.tenants["rostock"].procedures["bauamt"].authors == ("ags:1", "ags:2")


def test_texts_stay_texts_even_if_they_look_like_numbers() -> None:
    whole = config(HUB__HUB__NAME="7", HUB__RETRY__WAIT="60")
    assert whole.hub.name == "7"
    assert whole.retry.wait == (timedelta(seconds=60),)


def test_a_plugins_own_setting_is_a_text_unless_it_is_toml() -> None:
    whole = config(
        HUB__MAILBOXES__ARCHIVE__CONFIG__PATH="/srv/archive",
        HUB__MAILBOXES__ARCHIVE__CONFIG__DEPTH="3",
    )
    assert whole.mailboxes["archive"].config == {"path": "/srv/archive", "depth": 3}


def test_a_minus_in_a_name_is_written_as_underscore() -> None:
    text = GOOD.replace("bauamt", "bau-amt")
    whole = config(text, HUB__TENANTS__ROSTOCK__PROCEDURES__BAU_AMT__OWNER="transfer")
    assert whole.tenants["rostock"].procedures["bau-amt"].owner == "transfer"


def test_an_error_names_the_variable_and_not_its_value() -> None:
    assert errors(HUB__SPOOL__RESCAN="kanarienvogel") == [
        (
            "HUB__SPOOL__RESCAN: spool.rescan: not a duration."
            ' Write a text of number and unit, as "60s", "5m" or "7d".'
        )
    ]
    assert errors(HUB__SPOOL__RESCAM="2s") == [
        'HUB__SPOOL__RESCAM: spool.rescam: unknown key. Did you mean "rescan"?'
    ]


def test_a_variable_that_names_no_key_is_an_error() -> None:
    for name in ("HUB__", "HUB__SEAL__", "HUB____KEY", "HUB__HUB__NAME__X", "HUB__SE\nAL__KEY"):
        found = errors(**{name: "x"})
        assert len(found) == 1, found
        assert "in the environment names no key" in found[0]


def test_variables_of_others_are_left_alone() -> None:
    whole = config(HUB_CONFIG="x", HUBBLE="x", PATH="/bin", hub__seal__key="x")
    assert whole.seal.key == "file:/etc/hub/keys/seal.p12"
