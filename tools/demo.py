"""`make demo`: the main job for real, in a folder of its own, told as it happens.

    demo.py [SCENARIO] [--into FOLDER]

A sample procedure hands notices in with `hub submit`; `hub run` seals them, deposits them in two
mailboxes that are folders, and writes receipts. One mailbox is away at first and comes back, one
account is closed, one document was altered. Nothing is staged: each line says what a process of
the hub announced, and the files stay for a look. Ends with 0 only if all came as it had to.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from tools.demo_hub import HUB, PLACE, Failed, Running, attempts, command, hub, made, shown
from tools.demo_papers import Letter, letters

ROOT = Path(__file__).parents[1]
XML = {"r": "urn:postfachdienst:envelope:1"}
MEANING = {
    "accepted": "the hub has it: sealed, encrypted, in its journal",
    "DEPOSITED": "the mailbox confirmed it",
    "FAILED": "surely not deposited: deliver by post",
}
WIDTH = 78  # characters of a text beside the times
TRIES = 3  # failed attempts before the archive comes back


@dataclass(slots=True, kw_only=True)
class Story:
    """The folder of this run, the hub that runs in it, and the receipts it has written."""

    folder: Path
    running: Running
    receipts: list[Path]

    def hand_in(self, number: int, letter: Letter, papers: Path, note: str = "") -> None:
        """Hand a notice in as a procedure does, with the documents that lie in `papers`."""
        pages = " + ".join(str(paper.pages) for paper in letter.papers)
        print(f"\n  {number}  {letter.title}: PDF of {pages} pages for {letter.mailbox}{note}")
        handed = hub(self.folder, "submit", str(papers / f"{letter.uuid}.xml"), "--to", PLACE)
        self.tell("handed in", handed.stdout.strip().removeprefix("handed in as "))

    def follow(self, letter: Letter, suffix: str) -> None:
        """Tell what the hub announces of a notice, up to its receipt of this kind."""
        while True:
            word, _, rest = self.running.next_line().partition(" ")
            if word == "accepted":
                self.tell("accepted", MEANING["accepted"])
            elif word == "final":
                state = rest.rpartition(" ")[2]
                self.tell(state, MEANING.get(state, "not expected here"))
            elif word == "receipt":
                self.tell("receipt", rest)
                self.receipts.append(self.folder / "spool" / rest)
                if f"/{letter.uuid}." in rest and rest.endswith(f".{suffix}.xml"):
                    self.tell_reason(self.receipts[-1])
                    return

    def tell_reason(self, receipt: Path) -> None:
        """Tell the reason that a receipt gives, if it gives one."""
        reason = etree.fromstring(receipt.read_bytes()).find("r:Reason", XML)
        if reason is None:
            return
        parts = [reason.findtext(f"r:{name}", "", XML) for name in ("RefusalClass", "Code")]
        why = " ".join(part for part in parts if part)
        if path := reason.findtext("r:Path", "", XML):
            why += f", line {reason.findtext('r:Line', '?', XML)}, {path}"
        self.tell("reason", f"{why}: {reason.findtext('r:Text', '', XML)}")

    def tell(self, word: str, text: str, *, at: float | None = None) -> None:
        """Print a line with the time since the hub was started; at: another time than now."""
        seconds = self.running.seconds() if at is None else at
        first, *more = textwrap.wrap(text, WIDTH) or [""]
        print(f"  {seconds:5.1f} s  {word:<10} {first}", flush=True)
        for line in more:
            print(" " * 22 + line, flush=True)


def play(story: Story, papers: Path) -> None:
    """Hand all notices in, one after the other, and tell what becomes of each."""
    permit, copy, fees, order, decision = letters()
    archive = story.folder / "var" / "mailboxes" / "archive" / ".mailbox"
    story.hand_in(1, permit, papers)
    story.follow(permit, "deposited")
    story.hand_in(2, copy, papers, ", which is away")
    story.follow(copy, "accepted")
    story.hand_in(3, fees, papers, ", which is closed")
    story.follow(fees, "failed")
    altered = papers / order.file_of(1)
    altered.write_bytes(altered.read_bytes().replace(b"%%EOF", b"%%E0F"))
    story.hand_in(4, order, papers, "; one byte changed since")
    story.follow(order, "rejected")
    story.hand_in(5, decision, papers)
    story.follow(decision, "deposited")
    print(f"\n  2  {copy.title}, again: the archive was away at each attempt")
    tried = story.running.wait_until(lambda: attempts(story.folder, copy, at_least=TRIES))
    for one in tried:
        at = story.running.seconds_at(one["started_at"])
        story.tell(f"attempt {one['n']}", f"{one['outcome']} {one['code']}", at=at)
    archive.touch()
    story.tell("back", f"the archive is there again: {shown(archive)} exists")
    story.follow(copy, "deposited")


def check(story: Story) -> bool:
    """Print what lies where, and have the proofs checked; whether all of it holds."""
    print("\nWhere it lies")
    places = {
        "receipts": story.folder / "spool" / PLACE / "out",
        "letters": story.folder / "var" / "mailboxes",
        "refused": story.folder / "spool" / PLACE / "rejected",
        "settings": story.folder / "hub.toml",
        "log": story.folder / "hub.log",
    }
    for name, path in places.items():
        print(f"  {name:<9} {shown(path)}")
    expected, deposited = _documents()
    there = [_is_there(story.folder, *one) for one in deposited]
    print(
        f"  {sum(there)} of {expected} documents in the mailboxes are the PDFs that were handed in"
    )
    ca = story.folder / "keys" / "ca.pem"
    files = sorted(story.receipts)
    print("\nThe proof")
    return all([sum(there) == expected, _by_hub(files, ca), _by_xmlsec1(files, ca)])


def _documents() -> tuple[int, list[tuple[str, str, bytes]]]:
    refused = ("notice of fees", "order to restore")
    found = [
        (letter.mailbox, paper.name, paper.data)
        for letter in letters()
        if letter.title not in refused
        for paper in letter.papers
    ]
    return len(found), found


def _is_there(folder: Path, mailbox: str, name: str, data: bytes) -> bool:
    files = (folder / "var" / "mailboxes" / mailbox).glob(f"[!.]*/{name}")
    return [file.read_bytes() for file in files] == [data]


def _by_hub(files: list[Path], ca: Path) -> bool:
    verify = [str(HUB), "receipt", "verify", "--trust", str(ca), *map(str, files)]
    checked = subprocess.run(verify, capture_output=True, text=True, check=False)
    good = checked.stdout.count(": valid, ")
    print(f"  hub receipt verify: {good} of {len(files)} receipts valid")
    print(f"    {shown(HUB)} receipt verify --trust {shown(ca)} {shown(files[0].parent)}/*.xml")
    return checked.returncode == 0 and good == len(files)


def _by_xmlsec1(files: list[Path], ca: Path) -> bool:
    words = "xmlsec1 --verify --trusted-pem {} --id-attr:Id SignedProperties {}"
    if shutil.which("xmlsec1") is None:
        print("  xmlsec1: not installed, not checked")
        good = len(files)
    else:
        runs = [
            subprocess.run(words.format(ca, file).split(" "), capture_output=True, check=False)
            for file in files
        ]
        good = sum(run.returncode == 0 for run in runs)
        print(f"  xmlsec1, without the hub: {good} of {len(files)} receipts OK")
    print("    " + words.format(shown(ca), shown(files[-1])))
    return good == len(files)


def look(story: Story) -> None:
    """Print how to go on from here."""
    ids = {letter.title: letter.message_id for letter in letters()}
    print("\nHave a look")
    print(f"  {command(story.folder)} list")
    print(f"  {command(story.folder)} status {ids['copy for the register']}")
    print(f"  {command(story.folder)} doctor")
    print(f"  find {shown(story.folder / 'var' / 'mailboxes')} -name '*.pdf'")
    print(f"  rm -r {shown(story.folder)}    when you have seen enough")


def fresh_folder() -> Path:
    """Return the first demo-N of the checkout that is not there yet, or a temporary folder."""
    number = 1
    while (ROOT / f"demo-{number}").exists():
        number += 1
    try:
        (ROOT / f"demo-{number}").mkdir()
    except OSError:  # a checkout that only others may write
        return Path(tempfile.mkdtemp(prefix="demo-"))
    return ROOT / f"demo-{number}"


def deposit(folder: Path) -> bool:
    """Run the scenario; whether all came as it had to."""
    print(f"The main job of the hub, for real, in {shown(folder)}/ (some seconds).")
    print("Two mailboxes, citizens and archive. Archive is away: its disk is not mounted.")
    papers = made(folder, letters())
    with Running.started(folder) as running:
        print(f"\n  {shown(HUB)} run --announce        process {running.pid}")
        story = Story(folder=folder, running=running, receipts=[])
        play(story, papers)
        code = running.stop()
    print(f"\n  SIGTERM: the hub ended with exit code {code}")
    right = check(story) and code == 0
    look(story)
    return right


SCENARIOS: dict[str, Callable[[Path], bool]] = {"deposit": deposit}


def main(arguments: list[str]) -> int:
    """Run a scenario; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description="Show the hub at work.")
    parser.add_argument("scenario", nargs="?", default="deposit")
    parser.add_argument("--into", type=Path, help="an empty folder, or one that is not there yet")
    chosen = parser.parse_args(arguments)
    run = SCENARIOS.get(chosen.scenario)
    if run is None:
        known = ", ".join(sorted(SCENARIOS))
        print(f"demo: there is no scenario {chosen.scenario!r} yet; there is: {known}")
        return 64
    try:
        return 0 if run(chosen.into or fresh_folder()) else 70
    except Failed as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 70
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
