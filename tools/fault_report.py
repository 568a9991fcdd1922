"""Writes docs/reference/faults.md from the results of `make faults` (strike.py).

There is a file of results for each run of a module, or of a part of it, as pytest writes it with
--junit-xml, its suite named by the version that was struck; the tests tell by `record_property` how
many faults struck. Of a test in several of them the last one counts.
"""

import os
import platform
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
class Case:
    """A test: how it ended, what it counted, and what it found by class."""

    name: str
    failed: bool
    skipped: bool
    counted: Counter[str]
    findings: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a module, or of a part of it, and which version it struck."""

    part: str
    version: str
    begun: str
    seconds: float
    cases: tuple[Case, ...]

    @property
    def failed(self) -> list[str]:
        """The names of its failed tests."""
        return [case.name for case in self.cases if case.failed]


def read(file: Path) -> Run:
    """Return what a file of results tells."""
    [suite] = ET.parse(file).getroot().iter("testsuite")  # noqa: S314  # our own tests wrote it
    return Run(
        part=file.stem,
        version=suite.get("name", ""),
        begun=suite.get("timestamp", ""),
        seconds=float(suite.get("time", "0")),
        cases=tuple(_case(case) for case in suite.iter("testcase") if case.get("name")),
    )


def _case(case: ET.Element) -> Case:
    counted, findings = Counter[str](), Counter[str]()
    for each in case.iter("property"):
        if each.get("name") in COUNTED:
            counted[each.get("name", "")] += int(each.get("value", ""))
    said = [one for one in (case.find("failure"), case.find("error")) if one is not None]
    for one in said:
        findings.update(re.findall(rf"\b({'|'.join(CLASSES)}): ", one.get("message", "")))
    return Case(
        name=f"{case.get('classname')}.{case.get('name')}",
        failed=bool(said),
        skipped=case.find("skipped") is not None,
        counted=counted,
        findings=findings,
    )


def newest(runs: Iterable[Run]) -> list[Run]:
    """Return the runs, each test only in that which was begun last."""
    last: dict[str, Run] = {}
    ordered = sorted(runs, key=lambda run: run.begun)
    for run in ordered:
        last.update((case.name, run) for case in run.cases)
    left = [
        replace(run, cases=tuple(case for case in run.cases if last[case.name] is run))
        for run in ordered
    ]
    return sorted((run for run in left if run.cases), key=lambda run: run.part)


def page(runs: Sequence[Run], machine: str) -> str:
    """Return the page's text."""
    return HEAD + "\n" + "\n".join([*_sums(runs, machine), "", *_parts(runs)]) + "\n"


def _sums(runs: Sequence[Run], machine: str) -> Iterator[str]:
    cases = [case for run in runs for case in run.cases]
    failed = [case.name for case in cases if case.failed]
    yield "## Results"
    yield ""
    yield f"`make faults`, begun {min(run.begun for run in runs)[:16]}; {machine}."
    yield ""
    yield "| what | number |"
    yield "| --- | --- |"
    yield f"| tests | {len(cases)} |"
    yield f"| of these failed | {len(failed)} |"
    skipped = sum(case.skipped for case in cases)
    yield f"| of these skipped: something was not there | {skipped} |"
    counted = sum((case.counted for case in cases), Counter[str]())
    for name in COUNTED:
        yield f"| {name} | {counted[name]:,} |"
    findings = sum((case.findings for case in cases), Counter[str]())
    for name in CLASSES:
        yield f"| **{name}** | **{findings[name]}** |"
    if failed:
        yield ""
        yield "Failed:"
        yield ""
        yield from (f"- `{name}`" for name in failed)


def _parts(runs: Sequence[Run]) -> Iterator[str]:
    yield "## By module"
    yield ""
    yield "`sweep:batch-0`: of tests/faults/test_sweep.py those tests with that in their names."
    yield ""
    yield "| module | version | minutes | tests | failed | struck with |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for run in runs:
        counted = sum((case.counted for case in run.cases), Counter[str]())
        struck = ", ".join(f"{counted[name]:,} {name}" for name in COUNTED if counted[name])
        yield (
            f"| {run.part} | {run.version} | {run.seconds / 60:.0f} | {len(run.cases)} "
            f"| {len(run.failed)} | {struck or 'what its tests name'} |"
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


def write(folder: Path) -> Sequence[Run]:
    """Write the page from all results in a folder, and return these."""
    runs = newest(read(file) for file in folder.glob("*.xml"))
    PAGE.write_text(page(runs, machine()), encoding="utf-8")
    return runs
