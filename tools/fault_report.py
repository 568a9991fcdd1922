"""Writes docs/reference/faults.md from the results of `make faults` (strike.py).

There is a file of results for each module of tests, as pytest writes it with --junit-xml, its suite
named by the version that was struck; the tests tell by `record_property` how many faults struck.
"""

import os
import platform
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from xml.etree import ElementTree as ET

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "faults.md"
COUNTED = (
    "kill points",
    "kills",
    "hubs killed",
    "I/O error points",
    "power cuts",
    "network faults",
    "clock steps",
    "notices handed in",
    "recovered",
)
CLASSES = ("lost", "duplicated", "unexpected")
HEAD = """\
# What the hub was struck with

Made by `make faults`; do not edit.

Each test strikes a hub that works, starts it again, and balances: handed in = taken + repeated +
refused; each notice is open, or has one final receipt for each time it was handed in; one deposit
for each that is DEPOSITED, none for one that FAILED; letters, receipts and documents in the vault
are whole; the evidence chain is whole. What does not balance has a class:

| class | means |
| --- | --- |
| lost | what was handed in or confirmed is not there, or not whole |
| duplicated | it is there more than once |
| unexpected | anything else that must not be: what nobody handed in, a wrong order, a rest |
| recovered | no fault: a drop or notice that was unfinished when the fault struck, and ended well |

A kill point is a system call on files or database at whose entry the hub, or the child of a
mailbox, is killed; an I/O error point one that fails, once or from then on. A power cut loses all
that is in the page cache: what the hub had announced until then must be there.
"""
NOTHING = """
## Results

No run is on record for this version: `make faults`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What the run of a module tells: its tests, the failed ones, what they counted and found."""

    module: str
    version: str
    begun: str
    seconds: float
    tests: int
    skipped: int
    failed: tuple[str, ...]
    counted: Counter[str]
    findings: Counter[str]


def read(file: Path) -> Results:
    """Return what a file of results tells."""
    [suite] = ET.parse(file).getroot().iter("testsuite")  # noqa: S314  # our own tests wrote it
    cases = list(suite.iter("testcase"))
    counted, findings = Counter[str](), Counter[str]()
    failed = []
    for case in cases:
        for each in case.iter("property"):
            if each.get("name") in COUNTED:
                counted[each.get("name", "")] += int(each.get("value", ""))
        said = [one for one in (case.find("failure"), case.find("error")) if one is not None]
        if said:
            failed.append(f"{case.get('classname')}.{case.get('name')}")
        for one in said:
            findings.update(re.findall(rf"\b({'|'.join(CLASSES)}): ", one.get("message", "")))
    return Results(
        module=file.stem,
        version=suite.get("name", ""),
        begun=suite.get("timestamp", "")[:16],
        seconds=float(suite.get("time", "0")),
        tests=len(cases),
        skipped=sum(case.find("skipped") is not None for case in cases),
        failed=tuple(failed),
        counted=counted,
        findings=findings,
    )


def page(results: Sequence[Results], machine: str) -> str:
    """Return the page's text."""
    return HEAD + "\n" + "\n".join([*_sums(results, machine), "", *_modules(results)]) + "\n"


def _sums(results: Sequence[Results], machine: str) -> Iterator[str]:
    counted = sum((one.counted for one in results), Counter[str]())
    findings = sum((one.findings for one in results), Counter[str]())
    failed = [name for one in results for name in one.failed]
    yield "## Results"
    yield ""
    yield f"`make faults`, begun {min(one.begun for one in results)}; {machine}."
    yield ""
    yield "| what | number |"
    yield "| --- | --- |"
    yield f"| tests | {sum(one.tests for one in results)} |"
    yield f"| of these failed | {len(failed)} |"
    yield f"| of these skipped: something was not there | {sum(one.skipped for one in results)} |"
    for name in COUNTED:
        yield f"| {name} | {counted[name]:,} |"
    for name in CLASSES:
        yield f"| **{name}** | **{findings[name]}** |"
    if failed:
        yield ""
        yield "Failed:"
        yield ""
        yield from (f"- `{name}`" for name in failed)


def _modules(results: Sequence[Results]) -> Iterator[str]:
    yield "## By module"
    yield ""
    yield "| tests/faults | version | minutes | tests | failed | struck with |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for one in results:
        struck = ", ".join(f"{one.counted[name]:,} {name}" for name in COUNTED if one.counted[name])
        yield (
            f"| {one.module} | {one.version} | {one.seconds / 60:.0f} | {one.tests} "
            f"| {len(one.failed)} | {struck or 'what its tests name'} |"
        )


def machine() -> str:
    """Return on what it ran, as a sentence's end."""
    kind = subprocess.run(
        ["stat", "--file-system", "--format=%T", gettempdir()],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return (
        f"Linux {platform.release()}, {os.cpu_count()} cores, tests on {kind}, power cuts on ext4,"
        f" SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}"
    )


def write(folder: Path) -> Sequence[Results]:
    """Write the page from all results in a folder, and return these."""
    found = [read(file) for file in sorted(folder.glob("*.xml"))]
    PAGE.write_text(page(found, machine()), encoding="utf-8")
    return found
