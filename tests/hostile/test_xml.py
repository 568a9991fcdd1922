"""Hostile envelopes: each is refused by its class, quickly, in little memory, touching nothing.

The documents and mutations lie beside the checkout; without them the tests here are skipped.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub import envelope, schemas
from hub.errors import NoticeRefused
from tests import material
from tests.hostile import mutations
from tests.hostile.measuring import Record, measured, record_case

EXAMPLES = schemas.folder() / "examples"
AUTHOR = "ags:beispielamt"
VALID = (EXAMPLES / "notice-minimal.xml").read_bytes().replace(b">130030000000<", b">beispielamt<")
LIMITS = envelope.Limits()


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


@pytest.mark.parametrize("row", material.rows("hostile/index.tsv"), ids=lambda row: row["file"])
def test_each_hostile_document_is_refused_by_its_class(
    row: dict[str, str], record_property: Record
) -> None:
    data = (material.SHARED / "hostile" / row["file"]).read_bytes()
    with measured(record_property, "document", row["file"], row["expect"], len(data)):
        found = refusal(data)
    assert found in row["expect"].split("|")


@pytest.mark.parametrize(("name", "expect"), mutations.params("id_reused"))
def test_each_mutation_of_a_valid_envelope_is_refused_by_its_class(
    name: str, expect: str, record_property: Record
) -> None:
    assert refusal(VALID) == "taken"
    data = mutations.mutated(name, VALID)
    assert data != VALID
    with measured(record_property, "mutation", name, expect, len(data)):
        found = refusal(data)
    assert found in expect.split("|")


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
def test_refusing_opens_no_file_and_no_connection_and_takes_little_memory(
    tmp_path: Path, record_property: Record
) -> None:
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
    record_case(record_property, "memory", "all documents", "", kib=found["peak"])
    assert found["peak"] < 200 * 1024  # KiB, the interpreter and all files included
    lines = trace.read_text().splitlines()
    begin, end = (
        next(number for number, line in enumerate(lines) if mark in line)
        for mark in ("/mark/begin", "/mark/end")
    )
    assert lines[begin + 1 : end] == []
