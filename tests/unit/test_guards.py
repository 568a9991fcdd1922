"""The list of guards, and what counts as a proof that one of them bites."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.material import ROOT
from tools import guards, take_out
from tools.guards import Guard

ONE = Guard(
    id="one",
    area="Samples",
    file="hub/clock.py",
    protects="This test.",
    out="by another sentence",
    old='"""The only reader of time.',
    new='"""A reader of time.',
    tests=("tests/unit/test_guards.py::test_a_guard_is_taken_out_where_it_stands_once",),
)


def test_the_page_says_what_the_list_says() -> None:
    assert guards.PAGE.read_text("utf-8") == guards.page(), "run: make docs"


def test_each_guard_stands_in_its_file_once_and_its_tests_are_there() -> None:
    found = guards.read()
    assert len(found) >= 40
    assert [fault for guard in found for fault in guards.faults(guard)] == []


def test_a_guard_is_taken_out_where_it_stands_once() -> None:
    assert ONE.without(f"{ONE.old}\n") == f"{ONE.new}\n"
    for text in ("nothing of it\n", f"{ONE.old}\n{ONE.old}\n"):
        with pytest.raises(ValueError, match="stands"):
            ONE.without(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": "hub/no_such_module.py"},
        {"old": "no such text"},
        {"new": ONE.old},
        {"new": "no ("},
        {"tests": ()},
        {"tests": ("tests/unit/test_guards.py",)},
        {"tests": ("tests/unit/test_guards.py::test_of_another_name",)},
        {"tests": ("tests/unit/no_such_module.py::test_of_another_name",)},
    ],
)
def test_an_entry_that_rotted_is_found(wrong: dict[str, object]) -> None:
    assert list(guards.faults(ONE)) == []
    changed = replace(ONE, **wrong)  # type: ignore[arg-type]  # fields by name
    assert list(guards.faults(changed)) != []


@pytest.mark.parametrize("text", ['id = "a"\n', 'id = "a"\nwhatever = 1\n'])
def test_an_entry_that_lacks_something_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "01.toml").write_text(f'area = "A"\n[[guard]]\n{text}', "utf-8")
    with pytest.raises(ValueError, match=r"01\.toml: a"):
        guards.read(tmp_path)


FAILED = '<testcase classname="tests.unit" name="test_it"><failure message="{}"/></testcase>'


@pytest.mark.parametrize(
    ("code", "cases", "word"),
    [
        (0, '<testcase classname="tests.unit" name="test_it"/>', "survives"),
        (0, '<testcase name="test_it"><skipped message="no root"/></testcase>', "skipped"),
        (1, FAILED.format("assert 1 == 2"), "bites"),
        (1, FAILED.format("NameError: no such name"), "broken"),
        (1, '<testcase name="test_it"><error message="its fixture"/></testcase>', "broken"),
        (2, "", "broken"),
        (4, "", "broken"),
        (5, "", "broken"),
    ],
)
def test_only_an_assertion_that_fails_proves_a_guard(
    tmp_path: Path, code: int, cases: str, word: str
) -> None:
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", "utf-8")
    assert take_out._read(report, code)[0] == word


def test_names_that_are_not_there_are_no_proof(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("print(nothing_of_the_kind)\n", "utf-8")
    assert "nothing_of_the_kind" in take_out._unknown_names(path)
    path.write_text("print(1)\n", "utf-8")
    assert take_out._unknown_names(path) == ""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_no_test_needs_survives_and_the_checkout_is_not_touched(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (ROOT / ONE.file).read_bytes(), (ROOT / ONE.file).stat().st_mtime_ns
    bitten = replace(
        guards.read()[0], id="two"
    )  # beside one that bites, so that the copy is seen to be what runs
    assert take_out.take_out([ONE, bitten], 1, None) == 1
    said = capsys.readouterr().out
    assert "1 of 2 guards bite" in said
    assert "survives: one" in said
    assert before == ((ROOT / ONE.file).read_bytes(), (ROOT / ONE.file).stat().st_mtime_ns)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_bit_before_and_did_not_change_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = guards.read()[:1]
    for _ in range(2):
        assert take_out.take_out(first, 1, tmp_path / "noted.json") == 0
    assert "1 bit before" in capsys.readouterr().out
