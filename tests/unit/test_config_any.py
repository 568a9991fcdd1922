"""Any text, and any environment, gives a Config or a ConfigError."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_config import GOOD, refusal

TEXTS = st.text(alphabet=st.characters(codec="utf-8"))
LINES = st.lists(st.sampled_from(GOOD.splitlines()), max_size=30)
PIECES = st.sampled_from(["=", "[", "]", '"', "'", "{", "}", ".", ",", "#", "\n", "1", "a", "\\"])


def gives_a_config_or_a_config_error(text: str, environ: dict[str, str]) -> None:
    error = refusal(text, environ)
    assert error is None or error.errors
    assert all(line.isprintable() for line in (error.errors if error else ()))


@given(TEXTS)
def test_any_text_gives_a_config_or_a_config_error(text: str) -> None:
    gives_a_config_or_a_config_error(text, {})


@given(LINES, st.integers(0, 600), st.lists(PIECES, max_size=6).map("".join))
def test_any_change_of_a_good_text_does_too(lines: list[str], at: int, piece: str) -> None:
    for text in ("\n".join(lines), GOOD):
        gives_a_config_or_a_config_error(text[:at] + piece + text[at:], {})
        gives_a_config_or_a_config_error(text[:at] + text[at + len(piece) :], {})


KEYS = st.sampled_from(
    ["HUB", "SPOOL", "PATH", "TENANTS", "MAILBOXES", "ARCHIVE", "CONFIG", "IN_FLIGHT", "", "ä"]
)


@given(st.lists(KEYS, max_size=5).map("__".join), st.text(max_size=20))
def test_any_environment_does_too(name: str, value: str) -> None:
    gives_a_config_or_a_config_error(GOOD, {f"HUB__{name}": value})
