"""Every key in effect, with its value as hub.toml writes it and where it was set."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.config import findings
from hub.config.layout import Place
from hub.config.tables import Table, below, is_table

# Secrets are named by file; one that stands in a plugin's table all the same is not repeated.
_SECRET = re.compile(r"pass|secret|token|key|pin$|credential", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key as `hub config show` prints it.

    value: as hub.toml would write it; secrets that should not stand there are not shown
    origin: `hub.toml:9`, `HUB__SEAL__KEY`, or `default`
    """

    key: str
    value: str
    origin: str


def walk(
    kind: object, table: Mapping[str, Any], place: Place, places: Mapping[Place, str]
) -> Iterator[Setting]:
    """Yield the keys of a table and of those below it; `kind` is its model or annotation."""
    model = kind if isinstance(kind, type) and issubclass(kind, Table) else None
    for key in model.model_fields if model else table:
        value, here = table.get(key), (*place, key)
        inner = below(kind, key)
        if is_table(inner) or isinstance(value, dict):
            yield from walk(inner, value or {}, here, places)
            continue
        origin = "default"
        if key in table:
            origin = next(
                (places[here[:n]] for n in range(len(here), 0, -1) if here[:n] in places), ""
            )
        elif model:
            value = model.model_fields[key].default
        shown = _written(value)
        if model is None and _SECRET.search(key) and not key.endswith("_file"):
            shown = "(not shown)"
        yield Setting(key=findings.dotted(here), value=shown, origin=origin)


def _written(value: object) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False, default=str)
