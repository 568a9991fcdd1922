"""What a plugin hands over is looked at again: answers past their own rules, sizes that differ."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from postfach_mailbox import calls, cipher
from postfach_mailbox.frames import Call, Operation, ReconcilePayload, Stored
from postfach_mailbox.loading import Loaded
from postfach_mailbox.outcomes import Deposited

KEY = bytes(range(32))
LATER = time.clock_gettime(time.CLOCK_BOOTTIME) + 86400  # of the run that loads this


class Asked:
    """Stands where pluggy's relay stands: answers each question with one outcome."""

    def __init__(self, outcome: object) -> None:
        self._outcome = outcome

    def reconcile(self, key: str, reference: str | None) -> object:
        return self._outcome


def test_a_deposit_that_was_made_past_its_own_rules_is_unknown() -> None:
    made = Deposited.model_construct(
        reference="1",
        provided_at=datetime(2026, 3, 1, tzinfo=UTC),
        source="mailbox",
        evidence=(),
    )
    relay: Any = Asked(made)
    nothing: Any = None
    call = Call(
        id=1,
        operation=Operation.RECONCILE,
        deadline=LATER,
        payload=ReconcilePayload(key="0" * 64, reference=None),
        fds=0,
    )
    loaded = Loaded(relay, nothing, tuple(Operation))
    answer = calls.perform(loaded, call, (), lambda _reference: None)
    assert answer.kind == "unknown"


@pytest.fixture
def blob(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "blob").write_bytes(cipher.seal(KEY, b"c", b"12345"))
    fd = os.open(tmp_path / "blob", os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_a_stored_document_of_another_size_is_damaged(blob: int, size: int) -> None:
    source = Stored(fd=0, offset=0, length=cipher.blob_length(5), size=size, context=b"c")
    if size == 5:
        with calls._open(source, (blob,), KEY) as stream:
            assert stream.read() == b"12345"
    else:
        with pytest.raises(cipher.Damaged, match="announced"):
            calls._open(source, (blob,), KEY)
