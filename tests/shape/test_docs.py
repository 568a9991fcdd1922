"""What the pages promise: links lead somewhere, examples are the tested ones, lists are whole."""

import re
import tomllib
from pathlib import Path

import pytest

from hub.errors import RefusalClass
from hub.journal.tables import metadata
from hub.model import State
from tests.material import ROOT
from tests.shape.test_tree import LOCAL

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
EXAMPLES = ROOT / "schemas" / "examples"


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def block(kind: str, text: str) -> str:
    """Return the first code block of a kind that begins with this text."""
    start = re.escape(f"```{kind}\n") + re.escape(text)
    found = re.search(rf"^({start}.*?)^```$", page("README.md"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1].removeprefix(f"```{kind}\n")


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(name: str) -> None:
    dead = []
    for link in LINK.findall(FENCE.sub("", page(name))):
        path, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (ROOT / name).parent / path if path else ROOT / name
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            dead.append(link)
    assert dead == []


def test_the_index_leads_to_every_page_of_docs() -> None:
    index = page("docs/README.md")
    missing = [
        name
        for name in PAGES
        if name.startswith("docs/")
        and name != "docs/README.md"
        and not name.startswith("docs/decisions/0")
        and f"]({name.removeprefix('docs/')})" not in index
    ]
    assert missing == []


def test_the_index_of_decisions_leads_to_every_one() -> None:
    index = page("docs/decisions/README.md")
    names = [Path(name).name for name in PAGES if name.startswith("docs/decisions/0")]
    assert len(names) >= 6
    assert [name for name in names if f"]({name})" not in index] == []


def test_the_notice_in_the_readme_is_the_example() -> None:
    shown = block("xml", "<?xml")
    assert shown == (EXAMPLES / "notice-reference.xml").read_text("utf-8")


def test_the_receipt_in_the_readme_is_the_example_but_for_line_breaks() -> None:
    shown = block("xml", "<Receipt")
    assert re.sub(r">\n(?=<|$)", ">", shown) == (EXAMPLES / "receipt-deposited.xml").read_text(
        "utf-8"
    ).rstrip("\n")


def test_the_mailbox_in_the_readme_has_25_lines_beside_its_imports() -> None:
    code = block("python", "import os").partition("class Shelf")[2]
    assert len([line for line in code.splitlines() if line]) == 25


def test_every_class_of_refusal_state_and_table_has_its_line() -> None:
    refusals, outcomes = page("docs/reference/refusals.md"), page("docs/reference/outcomes.md")
    assert [one for one in RefusalClass if f"| {one} |" not in refusals] == []
    assert [one for one in State if f"| {one} |" not in outcomes] == []
    journal = page("docs/reference/journal.md")
    assert [name for name in metadata.tables if f"| `{name}` |" not in journal] == []


def test_every_dependency_has_its_reason() -> None:
    reasons = page("docs/dependencies.md").lower()
    wanted = set()
    for part in LOCAL:
        table = tomllib.loads(page(f"{part}/pyproject.toml"))
        groups = table.get("dependency-groups", {})
        lines = [
            *table["project"]["dependencies"],
            *groups.get("dev", ()),
            *groups.get("build", ()),
        ]
        wanted |= {re.split(r"[<>=]", line)[0] for line in lines if isinstance(line, str)}
    shared = ("http", "mail", "sandbox", "fitconnect")
    ours = {"postfach-mailbox", *(f"postfach-{name}" for name in shared)}
    assert sorted(name for name in wanted - ours if f"| {name} |" not in reasons) == []
