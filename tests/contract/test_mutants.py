"""The kit can fail: for each of its rules there is a mailbox that breaks it."""

import subprocess
from pathlib import Path

import pytest

import postfach_mailbox.testkit.contract  # noqa: F401  # it fills RULES
from postfach_mailbox.testkit.result import Report
from postfach_mailbox.testkit.rules import LEVELS, RULES
from tests.contract import mutants
from tests.contract.defective import DEFECTS

TESTS = {rule.id: rule.test for rule in RULES.values()}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_each_rule_fails_with_its_defect_and_holds_without(python: Path, tmp_path: Path) -> None:
    wanted = [f"{TESTS[rule]}[{rule}]" for rule in DEFECTS]
    wanted += [f"{test}[None]" for test in TESTS.values()]
    failed = mutants.failed(python, tmp_path, wanted)
    assert failed.pop("None") == set()
    assert failed == {rule: {TESTS[rule]} for rule in DEFECTS}


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_each_defect_breaks_its_own_rule_and_no_other(python: Path, tmp_path: Path) -> None:
    failed = mutants.failed(python, tmp_path, None)
    assert failed.pop("None") == set()
    expected = {
        rule: {TESTS[rule], *(TESTS[other] for other in defect.also)}
        for rule, defect in DEFECTS.items()
    }
    assert failed == expected


def test_every_rule_has_a_defect() -> None:
    assert sorted(DEFECTS) == sorted(TESTS)


def test_a_rule_says_what_it_protects_and_has_a_name_of_its_own() -> None:
    rules = list(RULES.values())
    assert len(rules) >= 30
    assert len({rule.id for rule in rules}) == len(rules)
    assert [rule.id for rule in rules if len(rule.protects) < 60] == []
    assert {rule.level for rule in rules} == set(LEVELS)


@pytest.mark.slow
def test_a_claim_that_is_not_kept_ends_with_65_and_bronze_has_no_exemptions(
    python: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    command = [
        str(python),
        "-I",
        "-m",
        "postfach_mailbox.testkit",
        "lenient",
        "--report",
        str(report),
    ]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == 65
    found = Report.model_validate_json(report.read_bytes())
    assert (found.claimed, found.reached) == ("bronze", None)
    states = {each.rule: each.state for each in found.findings}
    assert (states["deposits"], states["same-key"]) == ("failed", "exempt")
