import http.client
import re
from pathlib import Path
from typing import Any

import pytest

from postfach_sandbox.server import serving

README = Path(__file__).parents[1] / "README.md"


def test_the_readmes_sandbox_takes_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)  # noqa: S102  # the page's own example
    with serving(names["make_app"]) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        connection.request("PUT", "/letters/anna", b"text")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"id": "000001"}')
        connection.close()
    assert (tmp_path / "sandbox" / "arrived" / "000001" / "letter").read_bytes() == b"text"
