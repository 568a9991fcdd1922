"""Runs the kit's tests against one installed mailbox and gathers what they found."""

import contextlib
import io
import tempfile
from pathlib import Path
from typing import TextIO

import pytest

from postfach_mailbox.testkit.bench import Kit, NoKit, find_kit
from postfach_mailbox.testkit.quality import QualityWrong
from postfach_mailbox.testkit.result import WHY_SKIPPED, Finding, Report, State
from postfach_mailbox.testkit.rules import LEVELS, RULES

TEST_MODULE = """\
import pytest
from postfach_mailbox.testkit.contract import *

@pytest.fixture
def mailbox_name():
    return {name!r}

@pytest.fixture
def kit():
    from postfach_mailbox.testkit.bench import find_kit
    return find_kit({name!r}, {distribution!r})
"""
WHY = 300  # characters of a failure's first line


class Gathering:
    """A pytest plugin that keeps how each rule came out."""

    def __init__(self) -> None:
        self.findings: dict[str, Finding] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a phase of a test; the first that did not pass says why."""
        name = report.location[2].partition("[")[0]
        rule = RULES.get(name)
        if rule is None or self._state(name) in ("failed", "exempt"):
            return
        if report.when == "call" or not report.passed:
            state, why = _outcome(report)
            self.findings[name] = Finding(
                rule=rule.id,
                test=name,
                level=rule.level,
                tier=rule.tier,
                state=state,
                why=why,
                protects=rule.protects,
            )

    def _state(self, name: str) -> State | None:
        return self.findings[name].state if name in self.findings else None


def _outcome(report: pytest.TestReport) -> tuple[State, str]:
    if report.passed:
        return "passed", ""
    text = ""
    if report.skipped and isinstance(report.longrepr, tuple):
        text = report.longrepr[2].removeprefix("Skipped: ")
        for words, state in WHY_SKIPPED:
            if text.startswith(words):
                return state, text.removeprefix(words)
        return "not-tested", text
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    return "failed", text.strip().partition("\n")[0][:WHY]


def run(name: str, distribution: str | None = None, *, words: TextIO | None = None) -> Report:
    """Test the installed mailbox `name`.

    distribution: which, where more than one has a mailbox of this name
    words: where pytest's own output goes; None: nowhere
    """
    try:
        kit = find_kit(name, distribution)
    except (NoKit, QualityWrong) as error:
        return Report(mailbox=name, problem=str(error))
    except Exception as error:  # noqa: BLE001  # importing foreign code may raise anything
        return Report(mailbox=name, problem=f"its kit cannot be imported: {error!r}"[:WHY])
    gathering = Gathering()
    with tempfile.TemporaryDirectory(prefix="postfach-kit-") as folder:
        test = Path(folder) / "test_contract.py"
        test.write_text(TEST_MODULE.format(name=name, distribution=kit.distribution), "utf-8")
        with contextlib.redirect_stdout(words or io.StringIO()):
            ended = pytest.main(_arguments(Path(folder), test), plugins=[gathering])
    return _report(kit, gathering, ended)


def _arguments(folder: Path, test: Path) -> list[str]:
    """Return pytest's arguments: of its settings, plugins and conftest files, none are read."""
    config = folder / "pytest.ini"
    config.write_text("[pytest]\n", "ascii")
    return [
        *("-c", str(config), "--rootdir", str(folder), "--confcutdir", str(folder)),
        *("-p", "no:cacheprovider", "--import-mode=importlib", "--tb=short", "-q"),
        *("--basetemp", str(folder / "tmp"), str(test)),
    ]


def _report(kit: Kit, gathering: Gathering, ended: int) -> Report:
    problem = None
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        problem = f"the tests did not run to their end (pytest's exit code {int(ended)})"
    known = {rule.id for rule in RULES.values()}
    if not problem and (unknown := sorted(set(kit.quality.exempt) - known)):
        problem = f"quality.toml exempts rules that there are not: {', '.join(unknown)}"
    order = sorted(RULES.values(), key=lambda rule: LEVELS.index(rule.level))
    found = [gathering.findings[rule.test] for rule in order if rule.test in gathering.findings]
    return Report(
        mailbox=kit.name,
        distribution=kit.distribution,
        version=kit.version,
        claimed=kit.quality.level,
        problem=problem,
        findings=tuple(found),
    )
