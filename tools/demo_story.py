"""What the scenarios of `make demo` share: the story as it is told, and the proofs at its end."""

import shutil
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from tools.demo_hub import HUB, PLACE, Running, command, hub, shown
from tools.demo_papers import Letter, State

XML = {"r": "urn:postfachdienst:envelope:1"}
MEANING = {
    "accepted": "the hub has it: sealed, encrypted, in its journal",
    "DEPOSITED": "the mailbox confirmed it",
    "STATUS_SET": "the mailbox shows it",
    "FAILED": "surely not deposited: deliver by post",
    "POSTED": "the print service has the letter",
}
WIDTH = 78  # characters of a text beside the times


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

    def follow(self, letter: Letter | State, suffix: str) -> None:
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


def look_at(story: Story, **places: Path) -> None:
    """Print where it all lies: the receipts, the settings, the command, and `places`."""
    print("\nWhere it lies")
    own = {
        "receipts": story.folder / "spool" / PLACE / "out",
        "settings": story.folder / "hub.toml",
    }
    for name, path in (own | places).items():
        print(f"  {name:<9} {shown(path)}")
    print(f"  look      {command(story.folder)} list")


def by_hub(files: list[Path], ca: Path) -> bool:
    """Have the hub verify receipts, and tell; whether all are valid."""
    verify = [str(HUB), "receipt", "verify", "--trust", str(ca), *map(str, files)]
    checked = subprocess.run(verify, capture_output=True, text=True, check=False)
    good = checked.stdout.count(": valid, ")
    print(f"  hub receipt verify: {good} of {len(files)} receipts valid")
    print(f"    {shown(HUB)} receipt verify --trust {shown(ca)} {shown(files[0].parent)}/*.xml")
    return checked.returncode == 0 and good == len(files)


def by_xmlsec1(files: list[Path], ca: Path) -> bool:
    """Have xmlsec1 verify them, where it is installed, and tell; whether all are valid."""
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
