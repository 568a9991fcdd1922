"""What no envelope may hold, whatever else it is: refused before any layer looks at its meaning."""

import pytest

from hub.errors import RefusalClass
from tests import envelopes

ROOT = '<Notice xmlns="urn:postfachdienst:envelope:1"'
XINCLUDE = "http://www.w3.org/2001/XInclude"


@pytest.mark.parametrize("version", ["2001", "2003"])
def test_xinclude_is_forbidden_where_it_is_declared(version: str) -> None:
    name = XINCLUDE.replace("2001", version)
    refused = envelopes.refusal(envelopes.changed(ROOT, f'{ROOT} xmlns:xi="{name}"'))
    assert refused.refusal is RefusalClass.XML_FORBIDDEN


def test_another_namespace_is_not_even_if_nothing_uses_it() -> None:
    envelopes.take(envelopes.changed(ROOT, f'{ROOT} xmlns:xi="urn:other"'))


@pytest.mark.parametrize("where", ["<Subject>", "<Notice "])
def test_a_nul_byte_is_no_text(where: str) -> None:
    refused = envelopes.refusal(envelopes.changed(where, f"{where}\0"))
    assert (refused.refusal, refused.code) == (RefusalClass.XML_MALFORMED, "9051")
