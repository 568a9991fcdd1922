"""Mailboxes that nobody has built yet can be said in the contract: plugins/README.md, its table."""

import json
import re
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import envelope
from hub.errors import NoticeRefused
from hub.mailboxes import check, recognise
from hub.model import MailboxAddress, Notice
from postfach_mailbox import Capabilities, Repeat
from tests.material import ROOT

EXAMPLES = ROOT / "schemas" / "examples"
ROW = re.compile(
    r"^\| `(?P<scheme>[a-z-]+)` \| `(?P<address>[^`]+)` \| `(?P<pattern>[^`]+)` \| (?P<level>\w+)"
    r" \| (?P<repeat>\w+) \| (?P<confirms>[\w-]+) \| (?P<back>[\w, ]+) \|$",
    re.MULTILINE,
)
MODULE = """\
from contextlib import contextmanager
from dataclasses import replace
import pytest
from postfach_mailbox.testkit import Bench
from postfach_mailbox.testkit.bench import find_kit
from postfach_mailbox.testkit.contract import *
from postfach_mailbox.testkit.fake import FakeFarSide

@contextmanager
def as_told(folder):
    config = {config} | {{"path": str(folder)}}
    yield Bench(config=config, far_side=FakeFarSide(folder), folder=folder)

@pytest.fixture
def kit():
    return replace(find_kit("fake"), bench=as_told)

@pytest.fixture
def mailbox_name():
    return "fake"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A row: what a mailbox would say of itself, and an address of it."""

    told: Capabilities
    address: str


def others() -> dict[str, Other]:
    text = (ROOT / "plugins" / "README.md").read_text("utf-8")
    return {row["scheme"]: _other(row) for row in ROW.finditer(text)}


def _other(row: re.Match[str]) -> Other:
    told = Capabilities.model_validate(
        {
            "contract": "1.2",
            "scheme": row["scheme"],
            "address_pattern": row["pattern"],
            "legal_bases": {"OZG9", "NONE"},
            "assurance_level": row["level"],
            "max_file": 10**8,
            "max_total": 2 * 10**8,
            "max_count": 50,
            "repeat": row["repeat"],
            "confirms": row["confirms"],
            "return_channel": "replies" in row["back"],
            "retrieval_events": "retrievals" in row["back"],
        }
    )
    return Other(told=told, address=row["address"])


def notice_to(address: str) -> Notice:
    data = (EXAMPLES / "notice-reference.xml").read_bytes()
    read = envelope.read(data, envelope.Limits())
    assert isinstance(read, Notice)
    return replace(read, mailbox=MailboxAddress(id=address))


def test_all_that_are_named_have_a_row() -> None:
    assert sorted(others()) == ["egvp", "fink", "osi", "ozg-plus", "zapuk"]


@pytest.mark.parametrize("scheme", others())
def test_a_notice_is_recognised_and_fits(scheme: str) -> None:
    found = others()
    candidates = {name: (name, other.told) for name, other in found.items()}
    notice = notice_to(found[scheme].address)
    assert recognise(notice.mailbox, candidates) == scheme
    check(notice, found[scheme].told, sandbox=False, now=datetime(2026, 3, 1, tzinfo=UTC))
    with pytest.raises(NoticeRefused):
        check(notice_to("!"), found[scheme].told, sandbox=False, now=datetime.now(UTC))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("repeat", "confirms"),
    sorted({(one.told.repeat, one.told.confirms) for one in others().values()}),
)
def test_the_kits_own_mailbox_set_up_so_passes(
    python: Path, tmp_path: Path, repeat: Repeat, confirms: str
) -> None:
    config = {"repeat": repeat.value, "confirms": confirms, "returns": True}
    module = tmp_path / "test_as_told.py"
    module.write_text(MODULE.format(config=json.dumps(config).replace("true", "True")), "utf-8")
    ended = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert int(re.findall(r"(\d+) passed", ended.stdout)[-1]) >= 25
