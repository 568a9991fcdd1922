from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tools import fault_report

RESULTS = """\
<testsuites><testsuite name="5a14729" timestamp="2026-02-03T10:00:00.1" time="90.5">
<testcase classname="t" name="good"><properties>
<property name="kill points" value="1200"/><property name="recovered" value="3"/>
</properties></testcase>
<testcase classname="t" name="bad"><properties>
<property name="kill points" value="34"/><property name="something else" value="x"/>
</properties><failure message="assert ['lost: a', 'lost: b'] == []">lost: c</failure></testcase>
<testcase classname="t" name="away"><skipped message="no root"/></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def run(tmp_path: Path) -> fault_report.Run:
    file = tmp_path / "sweep.xml"
    file.write_text(RESULTS, "utf-8")
    return fault_report.read(file)


def test_what_tests_counted_and_found_is_summed_by_name(run: fault_report.Run) -> None:
    good, bad, away = run.cases
    assert good.counted == {"kill points": 1200, "recovered": 3}
    assert bad.counted == {"kill points": 34}
    assert bad.findings == {"lost": 2}
    assert away.skipped
    assert run.failed == ["t.bad"]
    assert (run.version, run.seconds) == ("5a14729", 90.5)


def test_of_a_test_that_was_run_again_the_last_run_counts(run: fault_report.Run) -> None:
    mended = replace(run.cases[1], failed=False, findings=Counter[str]())
    again = replace(run, part="sweep:bad", begun="2026-02-04", cases=(mended,))
    first, second = fault_report.newest([again, run])
    assert [case.name for case in first.cases] == ["t.good", "t.away"]
    assert second == again
    assert fault_report.newest([run, replace(run, begun="2026-02-05")])[0].begun == "2026-02-05"


def test_the_page_shows_the_sums_of_all_runs_and_each(run: fault_report.Run) -> None:
    later = replace(run, part="power", begun="2026-02-04", version="0ddba11", cases=run.cases[:1])
    lines = fault_report.page([run, later], "a machine").splitlines()
    for line in (
        "`make faults`, begun 2026-02-03T10:00; a machine.",
        "| tests | 4 |",
        "| kill points | 2,434 |",
        "| **lost** | **2** |",
        "| **duplicated** | **0** |",
        "- `t.bad`",
        "| sweep | 5a14729 | 2 | 3 | 1 | 1,234 kill points, 3 recovered |",
        "| power | 0ddba11 | 2 | 1 | 0 | 1,200 kill points, 3 recovered |",
    ):
        assert line in lines


def test_the_page_that_is_committed_has_the_head_of_this_tool() -> None:
    page = fault_report.PAGE.read_text("utf-8")
    assert page.startswith(fault_report.HEAD), "run: make faults"
