"""An answer counts for the order that was asked about, and for no other."""

import json

import pytest

from postfach_http import Answer
from postfach_mailbox_muk import answers, order
from postfach_mailbox_muk.assumed import ORDER_ID, State
from postfach_mailbox_muk.order import Reference

OURS = Reference(order=order.order_id("1" * 64), since=1, taken=True)
THEIRS = order.order_id("2" * 64)


@pytest.mark.parametrize(
    ("named", "kind"), [(OURS.order, "deposited"), (THEIRS, "unknown"), (None, "unknown")]
)
def test_a_deposit_is_that_of_the_order_that_was_asked_about(named: str | None, kind: str) -> None:
    said = {ORDER_ID: named, "state": State.DEPOSITED, "at": "2026-03-01T00:00:00Z"}
    answer = Answer(status=200, headers={}, body=json.dumps(said).encode())
    assert answers.stands(answer, OURS).kind == kind


@pytest.mark.parametrize(("named", "kind"), [(OURS.order, "pending"), (THEIRS, "unknown")])
def test_an_order_was_taken_where_its_own_id_is_named(named: str, kind: str) -> None:
    answer = Answer(status=202, headers={}, body=json.dumps({ORDER_ID: named}).encode())
    assert answers.ordered(answer, OURS).kind == kind
