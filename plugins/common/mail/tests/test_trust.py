"""Whose word on a signature counts."""

import pytest

from postfach_mail.trust import Trust

TRUST = Trust(signed_by="id.bund.example", checked_by="mx.a.example")
GOOD = "mx.a.example; spf=pass smtp.mailfrom=x@y; dkim=pass (2048 bit) header.d=id.bund.example"


@pytest.mark.parametrize(
    "results",
    [
        [GOOD],
        [GOOD.upper()],
        [GOOD, "mx.a.example; dkim=fail header.d=id.bund.example"],
        ["mx.a.example 1; dkim=pass header.i=@id.bund.example header.b=abc"],
        ["mx.a.example;\r\n dkim=fail header.d=b.example;\r\n dkim=pass header.d=id.bund.example"],
    ],
    ids=range(5),
)
def test_our_own_server_found_it_signed(results: list[str]) -> None:
    assert TRUST.holds(results)


@pytest.mark.parametrize(
    "results",
    [
        [],
        [""],
        [";;;"],
        ["mx.a.example; none"],
        ["mx.b.example; dkim=pass header.d=id.bund.example"],
        ["mx.b.example; dkim=fail", GOOD],  # ours stands above all that came along
        ["mx.a.example; dkim=fail header.d=id.bund.example"],
        ["mx.a.example; dkim=pass header.d=evil-id.bund.example"],
        ["mx.a.example; dkim=pass header.d=id.bund.example.evil"],
        ["mx.a.example; dkim=pass header.d=b.example; spf=pass header.d=id.bund.example"],
        ["mx.a.example; dkim=fail (dkim=pass header.d=id.bund.example)"],
        ["mx.a.example; dkim=pass ( header.d=id.bund.example ) header.d=b.example"],
        ["mx.a.example; dkim=pass ( (x) header.d=id.bund.example ) header.d=b.example"],
        ["evil mx.a.example; dkim=pass header.d=id.bund.example"],
    ],
    ids=range(14),
)
def test_anything_else_is_not_its_word(results: list[str]) -> None:
    assert not TRUST.holds(results)
