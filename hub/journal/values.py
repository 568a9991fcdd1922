"""Texts and bytes as the journal's tables hold them.

What is none, since a disk or a hand changed it, is read as well as may be: it must not keep the
other rows of its batch from being read. `hub.journal.soundness` finds it.
"""

from typing import Any

import sqlalchemy as sa


class Words(sa.String):
    """A text."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:  # noqa: ARG002  # SQLAlchemy's
        """Return what makes the value of a column of what the driver gave."""
        return _text


class Blob(sa.LargeBinary):
    """Bytes; None for what is none."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:  # noqa: ARG002  # SQLAlchemy's
        """Return what makes the value of a column of what the driver gave."""
        return _bytes


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value, "utf-8", "replace") if isinstance(value, bytes) else str(value)


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None
