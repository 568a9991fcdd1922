"""`hub plugin list` and `check`: which plugins there are, and what the contract's tests say of one.

Listing reads metadata alone and imports nothing. A check runs in the Python that the mailbox has in
hub.toml, as the user that it has there: it imports the plugin, and starts what its author made to
test it with.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hub import mailboxes
from hub.config import Config, PluginConfig
from hub.errors import ConfigError, DataInvalid, NotAvailable
from hub.mailboxes import Account, Installed, Table, Unanswered
from postfach_mailbox.frames import Group
from postfach_mailbox.installed import Offered
from postfach_mailbox.testkit.result import Report

TABLES: tuple[Table, ...] = ("mailboxes", "checks", "observers")
MODULE = "postfach_mailbox.testkit"
AT_MOST = 600.0  # seconds that the tests of one mailbox may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An installed plugin.

    python: where it is installed; None: in the hub's own Python
    enabled: the tables of hub.toml that use it, as `mailboxes.archive`; nothing else runs it
    pinned: whether each of them names its version; record_pinned: and the hash of its RECORD
    """

    offered: Offered
    python: Path | None
    enabled: tuple[str, ...]
    pinned: bool
    record_pinned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All that is installed; `problems`: what hub.toml names and cannot be had, each as a line."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]


def overview(config: Config | None) -> Overview:
    """Return what is installed in the hub's Python and in each that hub.toml names.

    config: None where there is no hub.toml: nothing is enabled then
    """
    used: dict[tuple[Path | None, Group, str, str, str], list[str]] = {}
    problems, pythons = [], {None: None} if config is None else _pythons(config)
    for table, name, plugin in _tables(config):
        try:
            found = mailboxes.find(table, name, plugin)
        except ConfigError as error:
            problems.append(str(error))
            continue
        place = (found.python, found.group, found.entry_point, found.distribution, found.version)
        used.setdefault(place, []).append(f"{table}.{name}")
    rows = []
    for python, account in pythons.items():
        with suppress(Unanswered):  # each table that names it has said so above
            rows += [
                _row(config, python, each, used) for each in mailboxes.installed(python, account)
            ]
    return Overview(rows=tuple(rows), problems=tuple(problems))


def _tables(config: Config | None) -> Iterator[tuple[Table, str, PluginConfig]]:
    for table in TABLES if config is not None else ():
        for name, plugin in getattr(config, table).items():
            yield table, name, plugin


def _pythons(config: Config) -> dict[Path | None, Account | None]:
    """Return the Pythons to ask, and as whom: as the user of the first table that names it."""
    found: dict[Path | None, Account | None] = {None: None}
    for table, name, plugin in _tables(config):
        if plugin.python is not None and plugin.python not in found:
            with suppress(ConfigError):  # no such user: said where the table is looked at
                found[plugin.python] = mailboxes.find(table, name, plugin).account
    return found


def _row(
    config: Config | None,
    python: Path | None,
    offered: Offered,
    used: dict[tuple[Path | None, Group, str, str, str], list[str]],
) -> Row:
    distribution = _canonical(offered.distribution)
    enabled = used.get(
        (python, offered.group, offered.entry_point, distribution, offered.version), []
    )
    users = [plugin for table, name, plugin in _tables(config) if f"{table}.{name}" in enabled]
    return Row(
        offered=offered,
        python=python,
        enabled=tuple(enabled),
        pinned=bool(users) and all(each.pin for each in users),
        record_pinned=bool(users) and all(each.record for each in users),
    )


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def check(config: Config | None, name: str, at_most: float = AT_MOST) -> Report:
    """Run the contract's tests against a mailbox and return what they found.

    name: a mailbox of hub.toml, else an entry point of the hub's own Python
    at_most: seconds
    Raises ConfigError, DataInvalid where there is no such mailbox, NotAvailable where it cannot be
    tested.
    """
    found = _mailbox(config, name)
    python = str(found.python or sys.executable)
    # By hand, it shows every assertion that failed.
    by_hand = f"{python} -m {MODULE} {found.entry_point}"
    with tempfile.TemporaryDirectory(prefix="postfach-check-") as folder:
        if found.account is not None:
            os.chown(folder, found.account.uid, found.account.gid)
        ended = _run(python, found, Path(folder), at_most)
        if ended is None:
            raise NotAvailable(
                f"its tests did not end in {at_most:.0f} s",
                where=f"mailbox {name}",
                fix=f"See where they stay: {by_hand}",
            )
        try:
            report = Report.model_validate_json((Path(folder) / "report.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise NotAvailable(
                f"its tests ended without a report (exit status {ended})",
                where=f"mailbox {name}",
                fix=f"Run them by hand: {by_hand}",
            ) from error
    if report.problem is not None:
        raise NotAvailable(
            report.problem, where=f"mailbox {name}", fix=f"Then, or by hand: {by_hand}"
        )
    return report


def _mailbox(config: Config | None, name: str) -> Installed:
    if config is not None and name in config.mailboxes:
        return mailboxes.find("mailboxes", name, config.mailboxes[name])
    offered = [
        each
        for each in mailboxes.installed()
        if each.group == "postfach.mailboxes" and each.entry_point == name
    ]
    if config is not None and (name in config.checks or name in config.observers):
        raise DataInvalid(
            "it is a check" if name in config.checks else "it is an observer",
            where=name,
            fix="The contract's tests are for mailboxes; hub doctor starts it and asks its health",
        )
    if len(offered) != 1:
        raise DataInvalid(
            f"it is no mailbox of hub.toml, and {len(offered)} mailboxes that are installed in"
            " the hub's Python have this name",
            where=f"mailbox {name}",
            fix="Install it there, or name its Python in hub.toml; see: hub plugin list",
        )
    return Installed(
        name=name,
        distribution=offered[0].distribution,
        version=offered[0].version,
        entry_point=name,
    )


def _run(python: str, found: Installed, folder: Path, at_most: float) -> int | None:
    """Run the tests to their end and return the exit status; None where they took too long."""
    account = found.account
    report = str(folder / "report.json")
    process = subprocess.Popen(
        [
            *(python, "-I", "-m", MODULE, found.entry_point),
            *("--distribution", found.distribution, "--report", report),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        return process.wait(at_most)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):  # its group may be empty by now
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
