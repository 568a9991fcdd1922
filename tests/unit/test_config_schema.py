import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from hub.cli import hub
from hub.config.schema import json_schema
from tests.flow.world import HUB_TOML, USUAL
from tests.unit.test_config import GOOD, errors

WRONG = (
    ('"directory"', '"directory"\nrate = "5"'),
    ('"directory"', '"directory"\nrecord = "sha256:1"'),
    ('"directory"', '"directory"\nin_flight = 0'),
    ('"directory"', '"directory"\ncall_timeout = 30'),
    ('"directory"', '"directory"\nmemory = "2 GB"'),
    ('"directory"', '"directory"\nwait = "1;2"'),
    ('"directory"', '"directory"\nsandbox = "yes"'),
    ('["archive"]', "[]"),
    ('["archive"]', '["Archive"]'),
    ("[tenants.rostock.", "[tenants.Rostock."),
    ('plugin = "directory"', 'plugins = "directory"'),
    ("[hub]", '[limits]\ndrop = "5 MB"\n[hub]'),
    ("[hub]", "spool = 3\n[hub]"),
    ("[hub]", "[checks.virus]\n[hub]"),
)


def said(text: str) -> list[str]:
    """Return what the schema says of a hub.toml."""
    schema: Any = json_schema()
    return [
        error.message for error in Draft202012Validator(schema).iter_errors(tomllib.loads(text))
    ]


def test_the_schema_is_one_and_knows_no_null() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert "null" not in json.dumps(json_schema())


@pytest.mark.parametrize("text", [GOOD, HUB_TOML.format(**USUAL)], ids=["short", "world"])
def test_what_the_hub_takes_fits_the_schema(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(("old", "new"), WRONG)
def test_what_is_wrong_in_one_table_does_not_fit_and_the_hub_refuses_it_too(
    old: str, new: str
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new)
    assert said(text)
    assert errors(text)


def test_the_command_prints_it_without_a_hub_toml(tmp_path: Path) -> None:
    ended = CliRunner().invoke(hub, ["--config", str(tmp_path / "none.toml"), "config", "schema"])
    assert ended.exit_code == 0
    assert json.loads(ended.stdout) == json_schema()
