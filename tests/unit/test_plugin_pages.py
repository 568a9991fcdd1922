"""What the pages of checks and observers show is right: their check, and their hub.toml."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub import config, starter
from hub.clock import system_clock
from postfach_mailbox import Objected, Passed
from tests.material import ROOT

PAGE = ROOT / "docs" / "how-to" / "checks-and-observers.md"


@pytest.mark.parametrize(("subject", "kind"), [("ENTWURF", Objected), ("Bescheid", Passed)])
def test_the_check_on_the_page_works(subject: str, kind: type) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # the page's own code
    made = names["postfach_check"]()
    check = made(made.Config())
    assert check.health().status == "up"
    assert type(check.check(SimpleNamespace(notice=SimpleNamespace(subject=subject)))) is kind


PAGES = (PAGE, *sorted((ROOT / "plugins").glob("[co]*-*/README.md")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_tables_on_the_page_stand_in_the_hub_toml_of_hub_init(
    page: Path, tmp_path: Path
) -> None:
    shown = re.findall(r"^```toml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert shown
    file = starter.init(tmp_path / "h", system_clock().now()).config
    file.write_text(file.read_text("utf-8") + "\n" + "\n".join(shown), "utf-8")
    found = config.load(file, {})
    assert found.checks or found.observers
