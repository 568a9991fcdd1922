"""Levels and exemptions: what a report concludes from its findings."""

import sys
from pathlib import Path

import pytest

from postfach_mailbox.testkit.quality import Quality, QualityWrong
from postfach_mailbox.testkit.result import Finding, Report, State
from postfach_mailbox.testkit.rules import LEVELS, Level
from tools import quality_reference


def report(claimed: Level | None = None, problem: str | None = None, **states: State) -> Report:
    findings = [
        Finding(
            rule=level, test=level, level=level, tier="basic", state=states.get(level, "passed")
        )
        for level in LEVELS
    ]
    return Report(mailbox="x", claimed=claimed, problem=problem, findings=tuple(findings))


@pytest.mark.parametrize("state", ["passed", "exempt", "not-applicable"])
def test_a_level_is_reached_when_nothing_speaks_against_it(state: State) -> None:
    assert report(silver=state).reached == "gold"


@pytest.mark.parametrize("state", ["failed", "not-tested"])
def test_a_level_is_not_reached_with_a_failure_below_it(state: State) -> None:
    assert report(bronze=state).reached is None
    assert report(silver=state).reached == "bronze"
    assert report(gold=state).reached == "silver"


def test_nothing_was_reached_where_nothing_was_run() -> None:
    assert Report(mailbox="x").reached is None


def test_a_claim_holds_when_its_level_or_more_is_reached() -> None:
    assert report("silver", gold="failed").holds
    assert report("gold").holds
    assert not report("gold", gold="failed").holds
    assert not report("bronze", problem="the tests did not run").holds


def test_without_a_claim_nothing_may_fail() -> None:
    assert report(gold="not-tested").holds
    assert not report(gold="failed").holds


def quality(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> Quality:
    (folder / "claims").mkdir()
    (folder / "claims" / "__init__.py").touch()
    (folder / "claims" / "quality.toml").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "claims", raising=False)
    return Quality.of("claims")


def test_quality_toml_claims_a_level_and_exempts_with_reasons(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = 'level = "silver"\n[exempt]\nslow-answer = "cannot be slow"\n'
    found = quality(monkeypatch, tmp_path, text)
    assert (found.level, found.exempt) == ("silver", {"slow-answer": "cannot be slow"})


@pytest.mark.parametrize(
    "text", ['level = "best"', "level = ", '[exempt]\nx = ""', 'exmpt = "x"', "[exempt]\nx = 1"]
)
def test_a_quality_toml_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    with pytest.raises(QualityWrong, match=r"claims/quality\.toml"):
        quality(monkeypatch, tmp_path, text)


def test_the_page_of_rules_says_what_the_rules_say() -> None:
    page = quality_reference.PAGE.read_text("utf-8")
    assert page == quality_reference.page(), "run: make docs"
