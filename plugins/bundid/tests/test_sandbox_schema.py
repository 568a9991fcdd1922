"""The sandbox is at least as strict as the fields that were seen of the real service."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from postfach_mailbox_bundid.sandbox import Refusal
from postfach_mailbox_bundid.sandbox.content import Message, State
from postfach_mailbox_bundid.sandbox.desk import Desk

HERE = Path(__file__).resolve()
SHARED = Path(os.environ.get("POSTFACH_SHARED", HERE.parents[4] / "shared"))
UUID = "30000000-0000-4000-8000-000000000003"


def schema(name: str) -> dict[str, Any]:
    path = SHARED / "data" / f"zbp-{name}.observed.schema.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not there; POSTFACH_SHARED names its folder's parent")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def spoilt(valid: dict[str, Any], rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Return contents that each break one rule of the schema, as far as rules can be turned."""
    found = [
        {key: value for key, value in valid.items() if key != name} for name in rules["required"]
    ]
    for name, rule in rules["properties"].items():
        found.append(valid | {name: 1.5})
        if "maxLength" in rule:
            found.append(valid | {name: "x" * (rule["maxLength"] + 1)})
        if rule.get("minLength"):
            found.append(valid | {name: ""})
        if "enum" in rule:
            found.append(valid | {name: "NONE"})
        for inner, limit in rule.get("properties", {}).items():
            found.append(valid | {name: {inner: "x" * (limit["maxLength"] + 1)}})
            found.append(valid | {name: {inner: ""}})
            found.append(valid | {name: {}})
    return found


@pytest.mark.parametrize("name", ["message", "state"])
def test_what_the_schema_refuses_is_refused(desk: Desk, name: str) -> None:
    rules = schema(f"{name}-v6")
    attempt = desk.message() if name == "message" else desk.state(UUID)
    attempt.envelope()
    reader = Message if name == "message" else State
    jsonschema.validate(attempt.fields, rules)
    reader.read(json.dumps(attempt.fields).encode())
    cases = spoilt(attempt.fields, rules)
    assert len(cases) > 15
    for case in cases:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(case, rules)
        with pytest.raises(Refusal):
            reader.read(json.dumps(case).encode())


def test_the_envelopes_have_the_fields_that_were_seen(desk: Desk) -> None:
    rules = schema("signed-envelope")
    for bridged in (False, True):
        fields = json.loads(desk.message().envelope(bridged=bridged))
        jsonschema.validate(fields, rules)
        assert (set(fields) == set(rules["properties"])) is bridged
