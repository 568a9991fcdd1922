"""The tables of hub.toml, one frozen model each; a field's description is its documentation.

The models know one table each and say what a value may be. What concerns several tables, and where
a value came from, stands in the modules beside. docs/reference/configuration.md is made from here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hub.config import values
from hub.config.values import (
    Duration,
    FilePath,
    GiveUp,
    Name,
    Period,
    Rate,
    Size,
    Waits,
    within,
    written_as,
)


def _default(value: object) -> Any:
    """Return a default as hub.toml would write it, read in the same way as a value set there."""
    return Field(default=value, validate_default=True)


class Table(BaseModel):
    """A table of hub.toml: closed, frozen, no type but the written one."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class Hub(Table):
    """The hub itself."""

    name: Annotated[str, written_as("issuer")]
    """Who issues receipts: named in each as its Issuer."""
    database: Annotated[str, AfterValidator(values.database)] = _default("sqlite:///var/hub.db")
    """Where the journal lies. SQLite serves one machine."""
    stop_grace: Annotated[Duration, within("1s to 1h")] = _default("60s")
    """How long a stop waits for calls in flight; no less than any mailbox's call_timeout."""
    watchdog: Annotated[Duration, within("5s to 1d")] = _default("5m")
    """A service that stands still for so long ends itself with 75, to be started again."""

    @property
    def database_file(self) -> Path:
        """The journal's file."""
        return Path(self.database.removeprefix("sqlite:///"))


class Spool(Table):
    """The folders through which procedures hand in and take out."""

    path: FilePath = _default("spool")
    """The spool: `<tenant>/<procedure>/` below it with `in`, `out`, `rejected`."""
    rescan: Annotated[Duration, within("100ms to 1h")] = _default("2s")
    """How often the folders are read wholly; events only make it sooner."""


class Seal(Table):
    """The key that seals notices and receipts."""

    key: Annotated[str, AfterValidator(values.key)]
    """`file:` and a path: PKCS#12 (`.p12`), or PEM with key and certificate."""
    password_file: FilePath | None = None
    """A file that holds the key's password in its first line."""

    @property
    def key_file(self) -> Path:
        """The key's file."""
        return Path(self.key.removeprefix("file:"))


class Vault(Table):
    """Where payloads lie, encrypted, until they are erased."""

    path: Annotated[Path, BeforeValidator(values.vault)] = _default("var/vault")
    """The folder of the encrypted payloads."""
    master_key_file: FilePath
    """A file of 32 random bytes, readable by the hub's user only, that wraps each notice's key."""


class Retry(Table):
    """How often a mailbox is tried again, and when trying ends."""

    wait: Waits = _default("60,300,900,3600,14400")
    """Seconds between attempts; the last repeats until the end."""
    give_up: GiveUp = _default("7d")
    """How long after acceptance, or `NotBefore`, trying ends; `ObsoleteAfter` may end it sooner."""


class Retention(Table):
    """How long the hub keeps what."""

    payload: Period = _default("14d")
    """Documents, counted from the final state; sooner once the final receipt was taken."""
    rejected: Period = _default("30d")
    """Refused drops in `rejected/`."""
    warn_untaken: Period = _default("3d")
    """After that long a receipt that no procedure took is reported."""


class Limits(Table):
    """What a drop may weigh, more is refused; and how full the disk may become."""

    envelope: Size = _default("16MiB")
    """The envelope's file."""
    document: Size = _default("1GiB")
    """Each document."""
    drop: Size = _default("2GiB")
    """All documents of a drop together."""
    free_space: Size = _default("256MiB")
    """What stays free where spool, vault and database lie: with less than 8 MiB more nothing is
    taken, and no drop is begun that would not leave it; what was taken goes on."""


class Procedure(Table):
    """A procedure: one folder of the spool."""

    authors: Annotated[
        tuple[Annotated[str, written_as("author")], ...], Field(min_length=1, strict=False)
    ]
    """Who may be named as Author here: `<identifierScheme>:<identifier>` or the identifier."""
    settle: Annotated[Duration, within("0s to 1d")] = _default("0s")
    """For transfers that cannot rename: how long a drop must stand still before it is taken."""
    accepted_receipt: Literal["when-waiting", "always", "never"] = "when-waiting"
    """Whether an `accepted` receipt is written: `when-waiting` if the first attempt ended open."""
    owner: Annotated[str, written_as("owner")] | None = None
    """Only this user's files are taken. Unset: the owner of `in/`, or the hub's own user."""


class Tenant(Table):
    """An authority: what it may use, and its procedures."""

    mailboxes: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]
    """Names of the mailboxes it may use; at most one per scheme."""
    postal: Name | None = None
    """The relay to the post, of `[mailboxes]`, that gets what no mailbox took. Unset: none."""
    procedures: Annotated[Mapping[Name, Procedure], Field(min_length=1)]
    """Its procedures, by name."""


class PluginConfig(Table):
    """A plugin and the process it runs in."""

    plugin: Annotated[str, written_as("entry point")]
    """The plugin's entry point."""
    pin: Annotated[str, written_as("pin")] | None = None
    """Distribution and version that must be installed; any other is not started."""
    record: Annotated[str, written_as("record")] | None = None
    """SHA-256 of the distribution's RECORD; every file must be as it says. `hub plugin list`."""
    python: FilePath | None = None
    """A Python of the plugin's own, with the plugin installed. Unset: the hub's."""
    user: Annotated[str, written_as("owner")] | None = None
    """The user its process runs as; the hub must be root, or have CAP_SETUID and CAP_SETGID."""
    in_flight: Annotated[int, Field(ge=1, le=1000)] = 64
    """Calls at a time, 1 to 1000."""
    rate: Rate | None = None
    """Most calls of one hub process in a time: `20/s`, `600/m` or `1000/h`. Unset: no limit."""
    call_timeout: Annotated[Duration, within("1s to 1h")] = _default("30s")
    """When a call's end is past, its outcome is unknown."""
    memory: Size = _default("1GiB")
    """Address space its process may take, and memory where the hub has a cgroup of its own."""
    processes: Annotated[int, Field(ge=0, le=10_000)] = 4
    """Processes it may start beside its own."""
    file_size: Size = _default("2GiB")
    """The largest file it may write."""
    config: Annotated[Mapping[str, Any], AfterValidator(values.plain)] = _default({})
    """The plugin's own settings, checked by the plugin."""


class MailboxConfig(PluginConfig):
    """A mailbox: the plugin behind it, of the group `postfach.mailboxes`, and how it is called."""

    scheme: Name | None = None
    """What `Mailbox/@scheme` names it by. Unset: the plugin's own."""
    sandbox: bool = False
    """Whether only notices marked `TestNotice` go there."""
    wait: Waits | None = None
    """As `retry.wait`, for this mailbox."""
    give_up: GiveUp | None = None
    """As `retry.give_up`, for this mailbox."""
    collect: Annotated[Duration, within("1s to 1d")] = _default("60s")
    """How often it is asked what came back, where it has a return channel."""


class CheckConfig(PluginConfig):
    """A check of drops before they are taken; its plugin is of the group `postfach.checks`."""

    tenants: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)] | None = None
    """Whose drops it checks. Unset: those of all tenants."""


class ObserverConfig(PluginConfig):
    """An observer of what happens to notices; its plugin is of the group `postfach.observers`."""

    tenants: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)] | None = None
    """Whose notices it sees. Unset: those of all tenants."""


class Tables(Table):
    """All of hub.toml."""

    hub: Hub
    spool: Spool = _default({})
    seal: Seal
    vault: Vault
    retry: Retry = _default({})
    retention: Retention = _default({})
    limits: Limits = _default({})
    tenants: Annotated[Mapping[Name, Tenant], Field(min_length=1)]
    mailboxes: Annotated[Mapping[Name, MailboxConfig], Field(min_length=1)]
    checks: Mapping[Name, CheckConfig] = _default({})
    observers: Mapping[Name, ObserverConfig] = _default({})


def below(kind: object, key: str) -> object:
    """Return what `key` of a table is to be: a model, a type, `Any`; None if no such key is known.

    kind: a model of this module, a `Mapping` annotation, or `Any`
    """
    if isinstance(kind, type) and issubclass(kind, Table):
        field = kind.model_fields.get(key)
        return field.annotation if field else None
    if get_origin(kind) is Mapping:
        return get_args(kind)[1]
    return Any if kind is Any else None


def is_table(kind: object) -> bool:
    """Whether a value of this kind is a table with keys of its own."""
    return get_origin(kind) is Mapping or (isinstance(kind, type) and issubclass(kind, Table))
