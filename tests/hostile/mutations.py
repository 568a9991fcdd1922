"""The shared program that mutates a valid envelope, and where our envelope has what it changes."""

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from hub import schemas
from tests import material

# Mutations for layers that are not there yet: by name, or by kind.
LATER = {
    "content_html": "what the bytes are is not looked at yet",
    "signature": "a signed envelope is refused as a whole until the hub verifies signatures",
}
USED = "urn:de:xta:messageid:bauamt:7c1e0d5a-0000-4000-8000-00000000a001"
SLOTS = {
    "namespaces": {"n": schemas.NAMESPACE},
    "xpath": {
        "id": "/n:Notice/n:MessageID",
        "tenant": "/n:Notice/n:Author",
        "sender": "/n:Notice/n:Author",
        "recipient": "/n:Notice/n:Mailbox",
        "date": "/n:Notice/n:CreatedAt",
        "text": "/n:Notice/n:Subject",
        "attachment": "/n:Notice/n:Document",
        "attachment_name": "/n:Notice/n:Document/@filename",
        "attachment_type": "/n:Notice/n:Document/@contentType",
        "attachment_digest": "/n:Notice/n:Document/n:Digest",
        "attachment_content": "/n:Notice/n:Document/n:Data",
    },
    "values": {"other_tenant": "nachbar", "other_sender": "anderes", "used_id": USED},
}


def program() -> ModuleType | None:
    """Return the shared program; None where it is absent."""
    place = material.SHARED / "hostile" / "mutate.py"
    spec = importlib.util.spec_from_file_location("mutate", place)
    if not place.exists() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROGRAM = program()
# name, expected classes, why, kind, function
ALL: tuple[tuple[str, str, str, str, Any], ...] = tuple(PROGRAM.MUTATIONS if PROGRAM else ())


def params(*decided_elsewhere: str) -> list[Any]:
    """Return name, expected classes and kind of all mutations; those for later are skipped."""
    found = []
    for name, expect, _, kind, _ in ALL:
        if name in decided_elsewhere:
            continue
        why = LATER.get(name) or LATER.get(kind)
        marks = [pytest.mark.skip(reason=why)] if why else []
        found.append(pytest.param(name, expect, id=name, marks=marks))
    return found


def mutated(name: str, valid: bytes) -> bytes:
    """Return a valid envelope, mutated."""
    assert PROGRAM is not None
    kind, change = next((kind, change) for of, _, _, kind, change in ALL if of == name)
    if kind == "bytes":
        return bytes(change(valid))
    tree = PROGRAM.Envelope(valid, SLOTS)
    change(tree)
    return bytes(tree.bytes())
