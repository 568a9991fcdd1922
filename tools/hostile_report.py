"""Writes docs/reference/hostile.md from a run of tests/hostile; `make hostile` calls it.

It runs the tests, the long ones too, and makes its tables of what they note about each case
(tests/hostile/measuring.py). Needs the shared material; ends with 1, and writes nothing, where a
test failed or there is none.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "hostile.md"
HEAD = """\
# Hostile input, measured

Made by `make hostile`, which runs `tests/hostile`; do not edit. What each class means:
[refusals](refusals.md); what an attacker can and cannot do: [security](../explanation/security.md).

A case is right when it ends in its class, or, of an attack on a spool that must be left alone or
is harmless, when it is let lie or taken whole. What is handed in, and the attacks on a spool, run a
second time where neither the hub nor the procedure is root.

| what | cases | right | how |
| --- | --- | --- | --- |
"""
HOW = {
    "document": "raw bytes, through the layers of an envelope; each under 2 s",
    "document, handed in": "the same as drops of one run: a sealed receipt each",
    "mutation": "a valid envelope with one thing changed; each under 2 s",
    "mutation, handed in": "the same as drops of one run, two good ones among them",
    "spool": "links, pipes, devices, names, files in motion, 10,000 drops: all standing at once",
}
LATER = """
Not among them: mutations of a signature (a signed envelope is refused as a whole) and a document
whose bytes are of another type than it says ([not yet](../not-yet.md)).
"""
FUZZED = """
## Parsers

What sees foreign bytes ends in a result or in its own refusal, whatever they are
(`tests/hostile/parsers.py`); `tools/fuzz.py` searches as long as wanted.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as its test noted it; size in bytes, memory in KiB."""

    kind: str
    name: str
    expected: str
    right: bool
    size: int
    seconds: float
    kib: int

    @classmethod
    def read(cls, text: str, *, right: bool) -> Self:
        """Read what a test noted."""
        told = json.loads(text)
        return cls(
            kind=told["kind"],
            name=told["case"],
            expected=told["class"],
            right=right,
            size=told["size"] or 0,
            seconds=told["seconds"] or 0.0,
            kib=told["kib"] or 0,
        )


def run(report: Path) -> int:
    """Run the tests; return pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "tests/hostile", "-m", "long or not long", "-q"]
    command += ["--junitxml", str(report)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def cases(report: Path) -> Iterator[Case]:
    """Return the cases of a report."""
    for test in ET.parse(report).iter("testcase"):  # noqa: S314  # pytest wrote it just now
        right = test.find("failure") is None and test.find("error") is None
        for each in test.iter("property"):
            if each.get("name") == "hostile":
                yield Case.read(each.get("value", ""), right=right)


def page(found: list[Case]) -> str:
    """Return the page's text."""
    rows = "".join(
        f"| {kind} | {_counts(found, kind)} | {how} |\n"
        for kind, how in HOW.items()
        if any(each.kind == kind for each in found)
    )
    return HEAD + rows + LATER + _by_class(found) + _most(found) + FUZZED


def _counts(found: Iterable[Case], kind: str) -> str:
    own = [each for each in found if each.kind == kind]
    return f"{len(own)} | {sum(each.right for each in own)}"


def _by_class(found: Iterable[Case]) -> str:
    """Count each case once: what is handed in was counted before, but for one."""
    once = {(each.kind.partition(",")[0], each.name): each for each in found}
    classes: dict[str, list[Case]] = defaultdict(list)
    for each in once.values():
        if each.kind in HOW:
            classes[each.expected].append(each)
    lines = ["\n## By class\n", "| class | cases | right |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {len(own)} | {sum(each.right for each in own)} |"
        for name, own in sorted(classes.items(), key=lambda each: (-len(each[1]), each[0]))
    ]
    return "\n".join(lines) + "\n"


def _most(found: list[Case]) -> str:
    slowest = max(found, key=lambda each: each.seconds)
    hungry = max(found, key=lambda each: each.kib)
    alone = [each for each in found if each.kind in ("document", "mutation")]
    largest = max(alone, key=lambda each: each.size)
    thing = max(found, key=lambda each: each.size)
    return f"""
## The worst

| what | case | measured |
| --- | --- | --- |
| slowest | `{slowest.name}` | {slowest.seconds * 1000:.0f} ms |
| memory | one fresh process that reads all documents | {hungry.kib / 1024:.0f} MiB in all |
| largest document | `{largest.name}` | {largest.size:,} bytes |
| largest file in a spool | `{thing.name}` | {thing.size:,} bytes |
"""


def main() -> int:
    """Run, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = run(report)
        found = list(cases(report)) if report.exists() else []
    if code != 0 or not found:
        print("hostile: a test failed, or the shared material is not there; the page is as it was")
        return 1
    PAGE.write_text(page(found), "utf-8")
    print(f"hostile: {len(found)} cases, {sum(each.right for each in found)} right: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
