"""Whether what lies at the far side is whole: each file as it was announced.

The answer that the mailbox `directory` keeps with a letter, and the ticket of a print job, name the
digests of all files beside them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from postfach_mailbox_directory.letter import ANSWER
from postfach_mailbox_postal import TICKET
from tests.flow.world import World


def torn(world: World) -> Iterator[str]:
    """Yield each letter and print job that is not whole."""
    for folder in world.letters():
        yield from _torn(folder, ANSWER, _answered)
    for folder in jobs(world):
        yield from _torn(folder, TICKET, _ticketed)


def jobs(world: World) -> list[Path]:
    """Return the folders of all print jobs, taken by the print service or not."""
    return sorted(
        [*(world.folder / "print" / "jobs").glob("*/"), *(world.folder / "printed").glob("*/")]
    )


def _torn(folder: Path, names: str, announced: Callable[[bytes], Counter[str]]) -> Iterator[str]:
    try:
        wanted = announced((folder / names).read_bytes())
    except (OSError, LookupError, ValueError, etree.XMLSyntaxError):
        yield f"lost: {folder.name}: no {names} that can be read"
        return
    found = Counter(
        hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.name != names
    )
    if found != wanted:
        yield f"lost: {folder.name}: {sum((wanted - found).values())} files are not as announced"


def _answered(data: bytes) -> Counter[str]:
    told = json.loads(data)
    return Counter([*(one["sha256"] for one in told["documents"]), told["seal"]["sha256"]])


def _ticketed(data: bytes) -> Counter[str]:
    return Counter(
        str(one.attrib["sha256"]) for one in etree.fromstring(data).iterfind("{*}*[@sha256]")
    )
