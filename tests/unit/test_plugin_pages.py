"""The check that the page of checks and observers shows is one."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

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
