"""From hub.toml's text to a Config, or to all that is wrong in it."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.config import environment, findings, layout, settings, together
from hub.config.findings import Finding
from hub.config.layout import Place
from hub.config.settings import Setting
from hub.config.tables import (
    CheckConfig,
    Hub,
    Limits,
    MailboxConfig,
    ObserverConfig,
    Retention,
    Retry,
    Seal,
    Spool,
    Tables,
    Tenant,
    Vault,
)
from hub.errors import ConfigError

MOST_TEXT, MOST_LEVELS = 1 << 20, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of a hub; paths are absolute, durations timedelta, sizes bytes.

    file: as it was named; folder: what relative paths count from
    settings: every key in effect, in the order of the reference
    """

    file: Path
    folder: Path
    hub: Hub
    spool: Spool
    seal: Seal
    vault: Vault
    retry: Retry
    retention: Retention
    limits: Limits
    tenants: Mapping[str, Tenant]
    mailboxes: Mapping[str, MailboxConfig]
    checks: Mapping[str, CheckConfig]
    observers: Mapping[str, ObserverConfig]
    settings: tuple[Setting, ...]

    def retry_of(self, mailbox: str) -> Retry:
        """Return the mailbox's own schedule, filled up from `[retry]`."""
        own = self.mailboxes[mailbox]
        wait, give_up = own.wait or self.retry.wait, own.give_up or self.retry.give_up
        return Retry.model_construct(wait=wait, give_up=give_up)

    def folder_of(self, tenant: str, procedure: str) -> Path:
        """Return the procedure's folder of the spool, which holds `in` and `out`."""
        return self.spool.path / tenant / procedure

    def fingerprint(self) -> str:
        """Return what must be the same in all hubs on one database, as SHA-256 in hex.

        Covers the hub's name, tenants, procedures, mailboxes by name, spool and vault.
        """
        same = {
            "hub": self.hub.name,
            "spool": str(self.spool.path),
            "vault": str(self.vault.path),
            "tenants": {name: sorted(tenant.procedures) for name, tenant in self.tenants.items()},
            "mailboxes": sorted(self.mailboxes),
        }
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read hub.toml. Raises ConfigError with every error in `errors`, one line each."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_TEXT + 1)
    except OSError as error:
        fix = 'Run "hub init DIR" for a new one, or name yours with --config or HUB_CONFIG'
        raise ConfigError(f"not readable ({error.strerror})", where=str(path), fix=fix) from error
    except ValueError as error:  # a NUL in the path
        raise ConfigError("no path", where="--config", fix="Name a file") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "not UTF-8", where=f"{path}:{line}", fix="Save the file as UTF-8"
        ) from error
    return parse(text, path, environ)


def parse(text: str, path: Path, environ: Mapping[str, str]) -> Config:
    """Read hub.toml's text; `path` names it in errors, and its folder is where paths count from.

    Raises ConfigError with every error in `errors`, one line each.
    """
    tree, lines = _read(text, path)
    places = {place: f"{path}:{line}" for place, line in lines.items()}
    found = list(environment.overlay(tree, environ, places))
    folder = path.absolute().parent
    context = {"folder": folder}
    tables: Tables | None = None
    try:
        tables = Tables.model_validate(tree, context=context)
    except ValidationError as error:
        found += findings.of_models(error)
    found += together.check(tree, context)
    if found or tables is None:
        raise _refused(found, places, path)
    effective = tuple(settings.walk(Tables, tree, (), places))
    parts = {name: getattr(tables, name) for name in Tables.model_fields}
    return Config(file=path, folder=folder, settings=effective, **parts)


def _read(text: str, path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    if len(text) > MOST_TEXT:
        raise ConfigError("longer than 1 MiB", where=str(path), fix="Is it the right file?")
    deep = ConfigError(
        "nested too deeply", where=str(path), fix=f"Nest at most {MOST_LEVELS} levels"
    )
    try:
        tree = tomllib.loads(text)
    except RecursionError:
        raise deep from None
    except ValueError as error:
        place = re.search(r"at line ([0-9]+), column", str(error))
        where = f"{path}:{place[1] if place else text.count(chr(10)) + 1}"
        what = f"not valid TOML ({_plain(str(error))})"
        raise ConfigError(what, where=where, fix="Mend that line") from None
    if _levels(tree) > MOST_LEVELS:
        raise deep
    return tree, layout.lines(text.replace("\r\n", "\n"))


def _plain(message: str) -> str:
    """Return tomllib's message without its place; it may quote a key or a letter, never a value."""
    text = message.partition(" (at ")[0][:120]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _levels(tree: dict[str, Any]) -> int:
    levels = 0
    row: list[Iterable[object]] = [tree.values()]
    while row and levels <= MOST_LEVELS:
        levels += 1
        values = [value for items in row for value in items]
        row = [value.values() for value in values if isinstance(value, dict)]
        row += [value for value in values if isinstance(value, list)]
    return levels


def _refused(found: list[Finding], places: Mapping[Place, str], path: Path) -> ConfigError:
    written = dict.fromkeys(findings.line(finding, places, str(path)) for finding in found)
    lines = tuple(sorted(written, key=_line_number))
    count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
    return ConfigError(count, where=str(path), fix="\n".join(("Mend it:", *lines)), errors=lines)


def _line_number(line: str) -> int:
    match = re.search(r":([0-9]+): ", line)
    return int(match[1]) if match else 0
