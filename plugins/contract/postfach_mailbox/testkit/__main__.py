"""`python -m postfach_mailbox.testkit NAME`: tests an installed mailbox, prints a table.

    --distribution D   which, where more than one has a mailbox of this name
    --report FILE      write the report as JSON there instead; pytest's words go to stderr

Exit: 0 it holds what it claims, 65 it does not, 69 there is nothing to test, or pytest is missing.
"""

import argparse
import sys
from pathlib import Path

from postfach_mailbox.testkit.result import Report


def main(arguments: list[str] | None = None) -> int:
    """Run the kit and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m postfach_mailbox.testkit")
    parser.add_argument("name", help="the mailbox's entry point")
    parser.add_argument("--distribution")
    parser.add_argument("--report", type=Path)
    given = parser.parse_args(arguments)
    try:
        from postfach_mailbox.testkit.running import run  # noqa: PLC0415  # pytest is an extra
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        report = Report(
            mailbox=given.name,
            problem=f"{sys.executable} has no pytest. Install it:"
            f" {sys.executable} -m pip install 'postfach-mailbox[testkit]'",
        )
    else:
        report = run(given.name, given.distribution, words=sys.stderr)
    if given.report is not None:
        given.report.write_text(report.model_dump_json(), "utf-8")
    else:
        sys.stdout.write("\n".join(lines(report)) + "\n")
    if report.problem is not None:
        return 69
    return 0 if report.holds else 65


def lines(report: Report) -> list[str]:
    """Return the report as a table for people."""
    if report.problem is not None:
        return [f"{report.mailbox}: {report.problem}"]
    table = [
        f"{each.level:<7} {each.tier:<9} {each.rule:<26} {each.state:<14} {each.why}".rstrip()
        for each in report.findings
    ]
    return [
        f"{report.distribution} {report.version}",
        *table,
        f"level reached: {report.reached or 'none'}, claimed: {report.claimed or 'none'}",
    ]


if __name__ == "__main__":
    sys.exit(main())
