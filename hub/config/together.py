"""What must hold between several tables of hub.toml.

Each check looks at those tables only that are right in themselves, so that one run names the
errors of both kinds.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from hub.config.findings import Finding, dotted, meant
from hub.config.tables import (
    CheckConfig,
    Hub,
    Limits,
    MailboxConfig,
    ObserverConfig,
    PluginConfig,
    Seal,
    Spool,
    Table,
    Tenant,
    Vault,
)

_Table = TypeVar("_Table", bound=Table)
Context = Mapping[str, Path]


def check(tree: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """Yield what is wrong between tables; `tree` is hub.toml as read, `context` holds `folder`."""
    mailboxes = {
        name: mailbox
        for name, raw in _table(tree, "mailboxes").items()
        if (mailbox := _valid(MailboxConfig, raw, context))
    }
    children: dict[tuple[str, ...], PluginConfig] = {
        ("mailboxes", name): mailbox for name, mailbox in mailboxes.items()
    }
    kinds: tuple[tuple[str, type[CheckConfig | ObserverConfig]], ...] = (
        ("checks", CheckConfig),
        ("observers", ObserverConfig),
    )
    for kind, model in kinds:
        for name, raw in _table(tree, kind).items():
            if plugin := _valid(model, raw, context):
                children[kind, name] = plugin
                known = _table(tree, "tenants")
                yield from _tenants((kind, name, "tenants"), plugin.tenants or (), known)
    for name, raw in _table(tree, "tenants").items():
        if tenant := _valid(Tenant, raw, context):
            place = ("tenants", name, "mailboxes")
            yield from _names(place, tenant.mailboxes, _table(tree, "mailboxes"))
            yield from _schemes(place, tenant.mailboxes, mailboxes)
            if tenant.postal is not None:
                place = ("tenants", name, "postal")
                yield from _names(place, (tenant.postal,), _table(tree, "mailboxes"))
                yield from _relay(place, tenant)
    if hub := _valid(Hub, tree.get("hub"), context):
        yield from _deadlines(hub, children)
    if limits := _valid(Limits, tree.get("limits", {}), context):
        yield from _limits(limits)
    yield from _folders(tree, context)


def _table(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tree.get(name)
    return table if isinstance(table, dict) else {}


def _valid(model: type[_Table], raw: object, context: Context) -> _Table | None:
    try:
        return model.model_validate(raw, context=dict(context))
    except ValidationError:
        return None  # its own errors are named already


def _names(
    place: tuple[str, ...], named: tuple[str, ...], defined: Mapping[str, Any]
) -> Iterator[Finding]:
    for name, count in Counter(named).items():
        if name not in defined:
            what = f"no mailbox is called {dotted((name,))}"
            fix = meant(name, defined) or f"Add a table [mailboxes.{dotted((name,))}]"
            yield Finding(place=place, what=what, fix=fix)
        elif count > 1:
            yield Finding(place=place, what=f"{name} is named twice", fix="Name it once")


def _schemes(
    place: tuple[str, ...], named: tuple[str, ...], mailboxes: Mapping[str, MailboxConfig]
) -> Iterator[Finding]:
    there = [name for name in dict.fromkeys(named) if name in mailboxes]
    for one, other in combinations(there, 2):
        scheme = mailboxes[one].scheme
        if scheme is not None and scheme == mailboxes[other].scheme:
            what = f"{one} and {other} have the same scheme, {scheme}"
            yield Finding(place=place, what=what, fix="A tenant has one mailbox per scheme")


def _relay(place: tuple[str, ...], tenant: Tenant) -> Iterator[Finding]:
    if tenant.postal in tenant.mailboxes:
        what = f"{tenant.postal} stands among the tenant's mailboxes, too"
        yield Finding(place=place, what=what, fix="Leave it out of `mailboxes`: it is the post")


def _tenants(
    place: tuple[str, ...], named: tuple[str, ...], defined: Mapping[str, Any]
) -> Iterator[Finding]:
    for name in named:
        if name not in defined:
            what = f"no tenant is called {dotted((name,))}"
            fix = meant(name, defined) or f"Name one of: {', '.join(sorted(defined))}"
            yield Finding(place=place, what=what, fix=fix)


def _deadlines(hub: Hub, children: Mapping[tuple[str, ...], PluginConfig]) -> Iterator[Finding]:
    for place, plugin in children.items():
        if plugin.call_timeout > hub.stop_grace:
            fix = "A stop waits for calls in flight: make stop_grace as long"
            what = "longer than hub.stop_grace"
            yield Finding(place=(*place, "call_timeout"), what=what, fix=fix)


def _limits(limits: Limits) -> Iterator[Finding]:
    for key in ("envelope", "document"):
        if getattr(limits, key) > limits.drop:
            fix = "A drop holds them all: make limits.drop greater"
            yield Finding(place=("limits", key), what="greater than limits.drop", fix=fix)


def _folders(tree: Mapping[str, Any], context: Context) -> Iterator[Finding]:
    """Procedures may write in the spool, so nothing of the hub's own may lie there."""
    spool = _valid(Spool, tree.get("spool", {}), context)
    if spool is None:
        return
    own: list[tuple[tuple[str, ...], Path | None]] = []
    if hub := _valid(Hub, tree.get("hub"), context):
        own.append((("hub", "database"), hub.database_file))
    if seal := _valid(Seal, tree.get("seal"), context):
        own += [(("seal", "key"), seal.key_file), (("seal", "password_file"), seal.password_file)]
    if vault := _valid(Vault, tree.get("vault"), context):
        own += [
            (("vault", "path"), vault.path),
            (("vault", "master_key_file"), vault.master_key_file),
        ]
        if spool.path.is_relative_to(vault.path):
            fix = "Give each a folder of its own"
            yield Finding(place=("spool", "path"), what="inside vault.path", fix=fix)
    for place, path in own:
        if path is not None and path.is_relative_to(spool.path):
            fix = "Procedures can write there: choose a folder outside of the spool"
            yield Finding(place=place, what="inside spool.path", fix=fix)
