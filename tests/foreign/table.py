"""A plugin's table in hub.toml, as far as finding the plugin needs it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    plugin: str
    pin: str | None = None
    record: str | None = None
    python: Path | None = None
    user: str | None = None
