"""Hostile envelopes: each is refused by its class, quickly, in little memory, touching nothing.

The documents and mutations lie beside the checkout; without them the tests here are skipped.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hub import envelope, schemas
from hub.errors import NoticeRefused
from tests import material

EXAMPLES = schemas.folder() / "examples"
AUTHOR = "ags:beispielamt"
VALID = (EXAMPLES / "notice-minimal.xml").read_bytes().replace(b">130030000000<", b">beispielamt<")
LIMITS = envelope.Limits()

# Mutations for layers that come after the envelope, or are not there yet: by name, or by kind.
LATER = {
    "id_reused": "DuplicateConflict is decided by the journal",
    "content_html": "what the bytes are is looked at when a document is read",
    "signature": "a signed envelope is refused as a whole until the hub verifies signatures",
}
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
    "values": {"other_tenant": "nachbar", "other_sender": "anderes"},
}


def refusal(data: bytes) -> str:
    """Return the class that the layers of an envelope refuse the bytes with, or "taken"."""
    try:
        notice = envelope.read(data, LIMITS)
        envelope.check_tenant(notice, (AUTHOR,))
        envelope.check_names(notice)
        envelope.check_sizes(notice, LIMITS)
        envelope.check_digests(notice)
    except NoticeRefused as error:
        return error.refusal
    return "taken"


def mutate() -> ModuleType | None:
    """Return the shared program that mutates a valid envelope; None where it is absent."""
    place = material.SHARED / "hostile" / "mutate.py"
    spec = importlib.util.spec_from_file_location("mutate", place)
    if not place.exists() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MUTATE = mutate()
MUTATIONS: list[tuple[str, str, str, Any]] = [
    (name, expect, kind, change)
    for name, expect, _, kind, change in (MUTATE.MUTATIONS if MUTATE else ())
    if name not in LATER and kind not in LATER
]


@pytest.mark.parametrize("row", material.rows("hostile/index.tsv"), ids=lambda row: row["file"])
def test_each_hostile_document_is_refused_by_its_class(row: dict[str, str]) -> None:
    data = (material.SHARED / "hostile" / row["file"]).read_bytes()
    before = time.monotonic()
    assert refusal(data) in row["expect"].split("|")
    assert time.monotonic() - before < 2.0


@pytest.mark.parametrize(
    ("name", "expect", "kind", "change"), MUTATIONS, ids=[each[0] for each in MUTATIONS]
)
def test_each_mutation_of_a_valid_envelope_is_refused_by_its_class(
    name: str, expect: str, kind: str, change: Any
) -> None:
    assert MUTATE is not None
    assert refusal(VALID) == "taken"
    if kind == "bytes":
        data = change(VALID)
    else:
        tree = MUTATE.Envelope(VALID, SLOTS)
        change(tree)
        data = tree.bytes()
    assert data != VALID
    assert refusal(data) in expect.split("|")


# Reads every file first; between the marks the envelope's layers alone are at work.
CHILD = """
import json, os, resource, sys
from pathlib import Path
from hub import envelope
from hub.errors import NoticeRefused

def refused(data):
    try:
        envelope.read(data, envelope.Limits())
    except NoticeRefused:
        return True
    return False

files = [Path(each).read_bytes() for each in sys.argv[1:]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
refused(files[0])
os.path.exists("/mark/begin")
result = [refused(data) for data in files]
os.path.exists("/mark/end")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"refused": all(result), "before": before, "peak": peak}))
"""


@pytest.mark.slow
def test_refusing_opens_no_file_and_no_connection_and_takes_little_memory(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not there: opened files are not checked")
    files = [str(path) for path in material.shared("hostile/generic").iterdir()]
    bad = EXAMPLES / "bad" / "notice-legal-basis.xml"
    trace = tmp_path / "trace"
    command = [sys.executable, "-I", "-c", CHILD, str(bad), *files]
    calls = "trace=%file,%network,execve"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(trace), "-e", calls, *command],
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["refused"]
    assert found["peak"] < 200 * 1024  # KiB, the interpreter and all files included
    lines = trace.read_text().splitlines()
    begin, end = (
        next(number for number, line in enumerate(lines) if mark in line)
        for mark in ("/mark/begin", "/mark/end")
    )
    assert lines[begin + 1 : end] == []
