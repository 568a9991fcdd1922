"""Hostile documents: each is refused by its class, in time, with nothing of it repeated."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub import envelope
from hub.envelope import Limits
from hub.errors import NoticeRefused
from tests.material import ROOT, rows, shared

EXAMPLE = ROOT / "schemas" / "examples" / "notice-minimal.xml"
LONGEST = 2.0  # seconds, design of the refusals
AUTHORS = ("ags:130030000000", "130030000000")
# Not checked yet, so a mutation of these is no business of the layers that there are.
LATER = frozenset({"content_html", "type_other", "id_reused"})
MAP = """
[namespaces]
n = "urn:postfachdienst:envelope:1"
[xpath]
id = "/n:Notice/n:MessageID"
sender = "/n:Notice/n:Author"
recipient = "/n:Notice/n:Mailbox"
date = "/n:Notice/n:CreatedAt"
text = "/n:Notice/n:Subject"
attachment = "/n:Notice/n:Document[n:Data]"
attachment_name = "/n:Notice/n:Document[n:Data]/@filename"
attachment_type = "/n:Notice/n:Document[n:Data]/@contentType"
attachment_digest = "/n:Notice/n:Document[n:Data]/n:Digest"
attachment_content = "/n:Notice/n:Document/n:Data"
[values]
other_sender = "999999999999"
"""


def check(data: bytes) -> None:
    """Pass a document through the layers before the mailbox."""
    limits = Limits()
    notice = envelope.read(data, limits)
    envelope.check_tenant(notice, AUTHORS)
    envelope.check_names(notice)
    envelope.check_sizes(notice, limits)
    envelope.check_digests(notice)


def refused(data: bytes) -> NoticeRefused:
    """Return the refusal that the layers before the mailbox give, and see that it was quick."""
    before = time.thread_time()
    with pytest.raises(NoticeRefused) as caught:
        check(data)
    assert time.thread_time() - before < LONGEST
    return caught.value


@pytest.mark.parametrize("row", rows("hostile/index.tsv"), ids=lambda row: row["file"])
def test_each_hostile_document_is_refused_by_its_class(row: dict[str, str]) -> None:
    data = (shared("hostile") / row["file"]).read_bytes()
    assert refused(data).refusal in row["expect"].split("|")


@pytest.fixture(scope="module")
def mutations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mutations of a good example, written by the shared program."""
    folder = tmp_path_factory.mktemp("mutations")
    (folder / "map.toml").write_text(MAP, "utf-8")
    tool = shared("hostile/mutate.py")
    paths = (EXAMPLE, "--map", folder / "map.toml", "--out", folder / "m")
    command = [sys.executable, str(tool), *map(str, paths)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder / "m"


def test_each_mutation_of_a_good_envelope_is_refused_by_its_class(mutations: Path) -> None:
    with (mutations / "index.tsv").open(encoding="utf-8", newline="") as file:
        index = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong, tried = [], 0
    for row in index:
        if row["source"].removeprefix("mutate.py ") in LATER or Path(row["file"]).stem in LATER:
            continue
        tried += 1
        try:
            found: str = refused((mutations / row["file"]).read_bytes()).refusal
        except (AssertionError, pytest.fail.Exception):
            found = "taken"
        if found not in row["expect"].split("|"):
            wrong.append(f"{row['file']}: {found}, not {row['expect']}")
    assert wrong == []
    assert tried > 50
