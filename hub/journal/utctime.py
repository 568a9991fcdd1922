"""Times as the journal's tables hold them."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware time as `2026-02-03T10:00:00.000000Z`."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> str | None:
        """Return the text that is stored. Raises ValueError for a time without zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone cannot be stored")
        # strftime writes the year 999 with three digits, which is not read again, nor in its order.
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: str | None, _dialect: Any) -> datetime | None:
        """Return the stored time, aware; None also for what is none: `soundness` finds it."""
        try:
            return None if value is None else datetime.fromisoformat(value)
        except (ValueError, TypeError):  # of one row: the others of its batch are read
            return None
