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
def results(tmp_path: Path) -> fault_report.Results:
    file = tmp_path / "sweep.xml"
    file.write_text(RESULTS, "utf-8")
    return fault_report.read(file)


def test_what_tests_counted_is_summed_by_name(results: fault_report.Results) -> None:
    assert results.counted == {"kill points": 1234, "recovered": 3}
    assert (results.tests, results.skipped, results.seconds) == (3, 1, 90.5)


def test_findings_of_failed_tests_are_counted_by_class(results: fault_report.Results) -> None:
    assert results.failed == ("t.bad",)
    assert results.findings == {"lost": 2}


def test_the_page_shows_the_sums_of_all_modules_and_each(results: fault_report.Results) -> None:
    later = replace(results, module="power", begun="2026-02-04T00:00", failed=(), version="0ddba11")
    lines = fault_report.page([results, later], "a machine").splitlines()
    for line in (
        "`make faults`, begun 2026-02-03T10:00; a machine.",
        "| tests | 6 |",
        "| kill points | 2,468 |",
        "| **lost** | **4** |",
        "| **duplicated** | **0** |",
        "- `t.bad`",
        "| sweep | 5a14729 | 2 | 3 | 1 | 1,234 kill points, 3 recovered |",
        "| power | 0ddba11 | 2 | 3 | 0 | 1,234 kill points, 3 recovered |",
    ):
        assert line in lines


def test_the_page_that_is_committed_has_the_head_of_this_tool() -> None:
    page = fault_report.PAGE.read_text("utf-8")
    assert page.startswith(fault_report.HEAD), "run: make faults"
