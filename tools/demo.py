"""`make demo`: the main job for real, in a folder of its own, told as it happens.

    demo.py [SCENARIO] [--into FOLDER]

A sample procedure hands notices in with `hub submit`; `hub run` seals them, deposits them in two
mailboxes that are folders, and writes receipts. One mailbox is away at first and comes back, one
account is closed, one document was altered. Nothing is staged: each line says what a process of
the hub announced, and the files stay for a look. Ends with 0 only if all came as it had to.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools import demo_bundid, demo_muk, demo_post, demo_reply
from tools.demo_hub import HUB, PLACE, Failed, Running, attempts, command, made, shown
from tools.demo_papers import letters
from tools.demo_story import Story, by_hub, by_xmlsec1

ROOT = Path(__file__).parents[1]
TRIES = 3  # failed attempts before the archive comes back


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
    return all([sum(there) == expected, by_hub(files, ca), by_xmlsec1(files, ca)])


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


# The five of the mission by their letters: an automatic notice, and an outage of the service, are
# both in `bundid`.
LETTERED = {"a": "bundid", "b": "muk", "c": "post", "d": "bundid", "e": "reply"}
SCENARIOS: dict[str, Callable[[Path], bool]] = {
    "bundid": demo_bundid.run,
    "deposit": deposit,
    "muk": demo_muk.run,
    "post": demo_post.run,
    "reply": demo_reply.run,
}


def main(arguments: list[str]) -> int:
    """Run a scenario; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description="Show the hub at work.")
    parser.add_argument("scenario", nargs="?", default="deposit")
    parser.add_argument("--into", type=Path, help="an empty folder, or one that is not there yet")
    chosen = parser.parse_args(arguments)
    run = SCENARIOS.get(LETTERED.get(chosen.scenario, chosen.scenario))
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
