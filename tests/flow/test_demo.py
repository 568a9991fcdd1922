"""`make demo`: it ends by itself, and what it claims is so."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flow.receipts import read
from tests.material import ROOT
from tools.demo_papers import Letter, letters

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A demo that ended: what it printed, and the folder that it left."""

    text: str
    folder: Path

    def outcomes(self, letter: Letter) -> list[str]:
        files = sorted((self.folder / "spool/rostock/bauamt/out").glob(f"{letter.uuid}.*.xml"))
        return [read(file).outcome for file in files]

    def commands(self, start: str) -> list[str]:
        return re.findall(rf"^ +({re.escape(start)}.*)$", self.text, re.MULTILINE)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "demo.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """Run the demo as `make demo` does; its folder in the checkout goes afterwards."""
    ended = run()
    found = re.search(r"in (demo-[0-9]+)/", ended.stdout)
    assert found is not None, ended.stdout + ended.stderr
    try:
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stderr == ""
        yield Told(text=ended.stdout, folder=ROOT / found[1])
    finally:
        shutil.rmtree(ROOT / found[1])


def test_each_notice_ends_as_it_was_told(told: Told) -> None:
    permit, copy, fees, order, decision = letters()
    assert told.outcomes(permit) == ["DEPOSITED"]
    assert told.outcomes(copy) == ["ACCEPTED", "DEPOSITED"]
    assert told.outcomes(fees) == ["FAILED"]
    assert told.outcomes(order) == ["REJECTED"]
    assert told.outcomes(decision) == ["DEPOSITED"]
    words = [line.split()[2] for line in told.text.splitlines() if re.match(r" +[0-9.]+ s  ", line)]
    assert words.count("accepted") == 4
    assert words.count("DEPOSITED") == 3
    assert words.count("FAILED") == 1
    assert "AttachmentRejected 9052, line 13, /Notice/Document[1]" in told.text
    assert "RECIPIENT_DELETED" in told.text


def test_the_archive_was_away_for_three_attempts_and_the_receipt_tells_their_times(
    told: Told,
) -> None:
    copy = letters()[1]
    (receipt,) = (told.folder / "spool/rostock/bauamt/out").glob(f"{copy.uuid}.02.deposited.xml")
    codes = [code for _, code in read(receipt).attempts]
    assert codes[:3] == ["ENOENT"] * 3
    assert codes[-1] == "DEPOSITED"
    assert len({at for at, _ in read(receipt).attempts}) == len(codes)


def test_every_file_it_names_is_there(told: Told) -> None:
    named = re.findall(r"receipt +(rostock/\S+\.xml)", told.text)
    assert len(named) == 6
    assert all((told.folder / "spool" / name).is_file() for name in named)
    places = re.findall(
        r"^  (?:receipts|letters|refused|settings|log) +(\S+)$", told.text, re.MULTILINE
    )
    assert len(places) == 5
    assert all((ROOT / place).exists() for place in places)
    order = letters()[3]
    assert len(list((told.folder / "spool/rostock/bauamt/rejected").glob(f"{order.uuid}.*"))) == 2


def test_the_mailboxes_hold_the_documents_that_the_receipts_name(told: Told) -> None:
    for letter in (letters()[0], letters()[1], letters()[4]):
        found = (told.folder / "var/mailboxes" / letter.mailbox).glob("[!.]*/*.pdf")
        held = {hashlib.sha256(file.read_bytes()).hexdigest() for file in found}
        (receipt,) = (told.folder / "spool/rostock/bauamt/out").glob(
            f"{letter.uuid}.*.deposited.xml"
        )
        assert held == {paper.sha256 for paper in letter.papers} == set(read(receipt).digests)


def test_the_printed_commands_run_and_show_the_notices(told: Told) -> None:
    commands = [line.split("    ")[0] for line in told.commands(".venv/bin/hub --config ")]
    listed, status, doctor = (shell(line) for line in commands)
    assert len(listed.stdout.splitlines()) == 4
    assert status.stdout.count("DEFERRED") >= 3
    assert doctor.returncode == 0, doctor.stdout
    (find,) = told.commands("find ")
    assert len(shell(find).stdout.splitlines()) == 4


def test_the_receipts_verify_by_the_printed_commands(told: Told) -> None:
    (verify,) = told.commands(".venv/bin/hub receipt verify ")
    verified = shell(verify)
    assert verified.returncode == 0
    assert verified.stdout.count(": valid, ") == 6
    (xmlsec1,) = told.commands("xmlsec1 ")
    if shutil.which("xmlsec1") is None:
        assert "xmlsec1: not installed, not checked" in told.text
        pytest.skip("xmlsec1: not installed, not checked")
    assert "6 of 6 receipts OK" in told.text
    assert shell(xmlsec1).returncode == 0


def test_a_printed_command_refuses_a_receipt_that_was_altered(told: Told, tmp_path: Path) -> None:
    (verify,) = told.commands(".venv/bin/hub receipt verify ")
    receipt = next((told.folder / "spool/rostock/bauamt/out").glob("*.failed.xml"))
    altered = tmp_path / "altered.xml"
    altered.write_bytes(receipt.read_bytes().replace(b">FAILED<", b">DEPOSITED<"))
    assert shell(f"{verify} {altered}").returncode == 65


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended while we looked
            yield path.read_bytes()


def test_it_leaves_no_process_behind(told: Told) -> None:
    mine = f"{told.folder.name}/".encode()
    assert [line for line in command_lines() if mine in line] == []


def masked(line: str) -> str:
    return re.sub(r"demo-[0-9]+/", "demo-1/", re.sub(r"^ *[0-9.]+ s  ", "# s  ", line))


def test_the_readme_shows_what_it_prints(told: Told) -> None:
    shown = (ROOT / "README.md").read_text("utf-8").partition("$ make demo\n")[2]
    wanted = [masked(line) for line in shown.partition("```")[0].splitlines()]
    printed = iter([masked(line) for line in told.text.splitlines()])
    missing = [line for line in wanted if line != "..." and line not in printed]
    assert missing == []


def test_a_scenario_that_is_not_there_is_refused_politely() -> None:
    refused = run("eclipse")
    assert refused.returncode == 64
    assert (
        refused.stdout
        == "demo: there is no scenario 'eclipse' yet; there is: bundid, deposit, muk, post, reply\n"
    )


def test_bundid_is_shown_straight_and_through_fit_connect(tmp_path: Path) -> None:
    ended = run("bundid", "--into", tmp_path / "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = ended.stdout.partition("What the citizen has\n")[2].splitlines()
    assert [line.split()[:2] for line in told[:4]] == [
        ["message", "straight"],
        ["message", "through"],
        ["message", "straight"],
        ["state", "straight"],
    ]
    outcomes = sorted(
        read(file).outcome for file in (tmp_path / "demo/spool/rostock/bauamt/out").glob("*.xml")
    )
    assert outcomes == ["ACCEPTED", *["DEPOSITED"] * 3, "FAILED", "STATUS_SET"]
    assert "6 of 6 receipts valid" in ended.stdout
    mine = str(tmp_path).encode()
    assert [line for line in command_lines() if mine in line] == []


def test_a_company_gets_a_notice_and_writes_back(tmp_path: Path) -> None:
    ended = run("muk", "--into", tmp_path / "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    out = tmp_path / "demo/spool/rostock/bauamt/out"
    kinds = sorted(file.name.split(".", 1)[1] for file in out.glob("*.xml"))
    assert kinds == [
        "01.accepted.xml",
        "01.accepted.xml",
        "02.deposited.xml",
        "02.failed.xml",
        "03.reply.xml",
    ]
    assert (next(out.glob("*.document-00"))).read_bytes() == b"%PDF-1.4 proof"
    assert "5 of 5 receipts valid" in ended.stdout
    mine = str(tmp_path).encode()
    assert [line for line in command_lines() if mine in line] == []


def test_what_fails_goes_by_post_once(tmp_path: Path) -> None:
    ended = run("c", "--into", tmp_path / "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    out = tmp_path / "demo/spool/rostock/bauamt/out"
    outcomes = sorted(read(file).outcome for file in out.glob("*.xml"))
    assert outcomes == ["DEPOSITED", "FAILED", "POSTED", "POSTED_ON"]
    (job,) = (tmp_path / "demo/printed").iterdir()
    names = ["00-cover.pdf", "01.pdf", "02.pdf", "job.xml"]
    assert sorted(file.name for file in job.iterdir()) == names
    assert "4 of 4 receipts valid" in ended.stdout
    assert [one for one in out.iterdir() if b"Musterfrau" in one.read_bytes()] == []


def test_a_citizen_reads_a_notice_and_writes_back(tmp_path: Path) -> None:
    ended = run("e", "--into", tmp_path / "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    out = tmp_path / "demo/spool/rostock/bauamt/out"
    kinds = sorted(file.name.split(".", 1)[1] for file in out.glob("*.xml"))
    assert kinds == ["01.deposited.xml", "02.retrieved.xml", "03.reply.xml"]
    assert len(list(out.glob("*.document-00"))) == 1
    assert "3 of 3 receipts valid" in ended.stdout
    mine = str(tmp_path).encode()
    assert [line for line in command_lines() if mine in line] == []


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", "utf-8")
    refused = run("--into", tmp_path)
    assert refused.returncode == 70
    assert "is not empty" in refused.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
