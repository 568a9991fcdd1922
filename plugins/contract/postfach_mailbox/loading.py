"""Load the one plugin that hub.toml names, in its own process.

pluggy's defaults are not safe here (a misspelt hook is never called, the first of two distributions
with one name wins in silence), so: one manager for one plugin, exactly one entry point of the
named distribution and version, unknown hooks refused.

Errors: StartRefused, and nothing else, whatever the plugin's code does while it is loaded.
"""

import inspect
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import BaseModel, ValidationError

from postfach_mailbox import record
from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.frames import Described, Operation, Start
from postfach_mailbox.hooks import PROJECT
from postfach_mailbox.kinds import KINDS, Kind
from postfach_mailbox.version import CONTRACT_VERSION, fits
from postfach_mailbox.wording import arguments, invalid, unknown_hook, unloadable

if TYPE_CHECKING:
    from pluggy import HookimplOpts

NAMED = 5  # files that a message names, of those that changed


class StartRefused(Exception):
    """The plugin cannot be used so: what is wrong, and what to do.

    configured: what is wrong stands in hub.toml
    """

    def __init__(self, reason: str, fix: str, *, configured: bool = False) -> None:
        super().__init__(f"{reason}. {fix}")
        self.reason, self.fix, self.configured = reason, fix, configured


class Loaded:
    """A plugin, ready to be called: its hooks and what it said about itself."""

    def __init__(
        self, hooks: pluggy.HookRelay, capabilities: Described, operations: tuple[Operation, ...]
    ) -> None:
        self.hooks, self.capabilities, self.operations = hooks, capabilities, operations


class _Hooks(pluggy.PluginManager):
    """Takes marked functions of the module, and every public method of the class."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> "HookimplOpts | None":
        """Return pluggy's options where `plugin.name` is a hook, else None."""
        if isinstance(plugin, ModuleType):
            return super().parse_hookimpl_opts(plugin, name)
        # Looked up without running a property of the plugin.
        found = inspect.getattr_static(type(plugin), name, None)
        if name.startswith("_") or not isinstance(found, METHODS):
            return None
        return {
            "wrapper": False,
            "hookwrapper": False,
            "optionalhook": False,
            "tryfirst": False,
            "trylast": False,
            "specname": None,
        }


METHODS = (type(_Hooks.parse_hookimpl_opts), staticmethod, classmethod)


def load(start: Start) -> Loaded:
    """Return the plugin that `start` names, made with its settings. Raises StartRefused."""
    if start.contract != CONTRACT_VERSION:
        raise StartRefused(
            f"its Python has version {CONTRACT_VERSION} of the contract, the hub has"
            f" {start.contract}",
            "Install the hub's version of postfach-mailbox there",
        )
    try:
        return _load(_entry_point(start), start)
    except StartRefused:
        raise
    except pluggy.PluginValidationError as error:
        raise StartRefused(
            f"its hooks are not those of the contract: {arguments(error)}",
            "Correct the argument's name, or leave it out",
        ) from error
    except BaseException as error:  # foreign code may raise anything, SystemExit too
        raise StartRefused(
            f"its code fails: {unloadable(error)}", f"Repair or reinstall {start.distribution}"
        ) from error


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _entry_point(start: Start) -> metadata.EntryPoint:
    wanted = (_canonical(start.distribution), start.version)
    found = [
        entry
        for entry in metadata.entry_points(group=start.group, name=start.entry_point)
        if entry.dist and (_canonical(entry.dist.name), entry.dist.version) == wanted
    ]
    if len(found) != 1:
        raise StartRefused(
            f"{len(found)} entry points {start.entry_point!r} of {start.distribution}"
            f" {start.version} are installed; there must be one",
            "Install exactly that version, then start again",
        )
    if start.record is not None and found[0].dist is not None:
        _see_unaltered(found[0].dist, start.record, found[0].module)
    return found[0]


def _see_unaltered(distribution: metadata.Distribution, wanted: str, module: str) -> None:
    """Raise StartRefused unless RECORD is the wanted one, each file as it says, and `module` one.

    module: what will be imported
    """
    # Bytecode beside the sources is not as RECORD says by any hash: none of it is loaded.
    sys.pycache_prefix = str(Path.cwd() / "bytecode")
    found = record.digest(distribution)
    if found != wanted:
        raise StartRefused(
            f"its RECORD is {found or 'not there'}, hub.toml names {wanted}",
            "See what was installed; if it is what you want, change `record` in hub.toml",
            configured=True,
        )
    if changed := record.altered(distribution):
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise StartRefused(
            f"changed files: {', '.join(changed[:NAMED])}{more}",
            f"Reinstall {distribution.name}, and find out who changed them",
        )
    if (stray := record.stray(distribution, module)) is not None:
        raise StartRefused(
            f"its RECORD does not name what would be loaded: {stray}",
            f"Install {distribution.name} from a wheel, not editable, and remove other copies",
        )


def _load(entry: metadata.EntryPoint, start: Start) -> Loaded:
    kind = KINDS[start.group]
    manager = _Hooks(PROJECT)
    manager.add_hookspecs(kind.module_hooks)
    module = entry.load()
    if not isinstance(module, ModuleType):
        raise StartRefused("its entry point names no module", "Name the module, without a colon")
    manager.register(module)
    _see_known(manager.hook, "hook", "take `hookimpl` away from it")
    plugin_class = getattr(manager.hook, kind.hook)()
    if not isinstance(plugin_class, type):
        raise StartRefused(
            f"its module has no hook `{kind.hook}` that returns a class",
            "Mark the function with `hookimpl`",
        )
    plugin = plugin_class(_config(plugin_class, kind, start))
    manager.add_hookspecs(kind.class_hooks)
    manager.register(plugin)
    _see_known(manager.hook, "operation", "give it a leading underscore if it is your own")
    return _checked(manager.hook, kind)


def _see_known(hooks: pluggy.HookRelay, what: str, fix: str) -> None:
    """Raise StartRefused where something was registered that the contract does not know."""
    if (found := unknown_hook(hooks)) is not None:
        name, meant = found
        raise StartRefused(f"the contract has no {what} {name!r}", f"{meant}Correct it, or {fix}")


def _config(plugin_class: Any, kind: Kind, start: Start) -> BaseModel:
    model = getattr(plugin_class, "Config", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise StartRefused("its class has no model `Config`", "Derive one from Settings")
    if model.model_config.get("extra") != "forbid" or not model.model_config.get("frozen"):
        raise StartRefused("its `Config` is not closed and frozen", "Derive it from Settings")
    try:
        return model.model_validate(start.config, context={"base": start.base})
    except ValidationError as error:
        raise StartRefused(
            invalid(error, "config.", model),
            f"Correct the {kind.name}'s table in hub.toml",
            configured=True,
        ) from error


def _checked(hooks: pluggy.HookRelay, kind: Kind) -> Loaded:
    """Check that the class can do what the contract requires and its capabilities promise."""
    names = ("capabilities", *(each.value for each in kind.operations))
    offered = {name for name in names if getattr(hooks, name).get_hookimpls()}
    needed = ("capabilities", *(each.value for each in kind.required))
    if missing := [name for name in needed if name not in offered]:
        raise StartRefused(f"its class lacks {', '.join(missing)}", "Write these methods")
    capabilities = _told(hooks, kind)
    if type(capabilities) is not kind.capabilities:
        raise StartRefused(
            "capabilities() returned something else", f"Return {kind.capabilities.__name__}"
        )
    if not fits(capabilities.contract):
        raise StartRefused(
            f"it is written for version {capabilities.contract} of the contract, the hub has"
            f" {CONTRACT_VERSION}",
            "Install a version of the plugin for this hub, or another hub",
        )
    if isinstance(capabilities, Capabilities):
        _see_promises_kept(capabilities, offered)
    operations = tuple(each for each in kind.operations if each in offered)
    return Loaded(hooks, capabilities, operations)


def _told(hooks: pluggy.HookRelay, kind: Kind) -> object:
    try:
        return hooks.capabilities()
    except ValidationError as error:
        if error.title != kind.capabilities.__name__:
            raise
        raise StartRefused(
            f"capabilities(): {invalid(error, '', kind.capabilities)}", "Correct them in its class"
        ) from error


def _see_promises_kept(capabilities: Capabilities, offered: set[str]) -> None:
    promised = {
        Operation.PREPARE: capabilities.prepares,
        Operation.RECONCILE: capabilities.repeat == "QUERYABLE" or capabilities.confirms == "later",
        Operation.SET_STATUS: capabilities.status,
        Operation.COLLECT: capabilities.return_channel or capabilities.retrieval_events,
        Operation.ACKNOWLEDGE: capabilities.return_channel or capabilities.retrieval_events,
    }
    unkept = [name.value for name, needed in promised.items() if needed and name not in offered]
    if unkept:
        raise StartRefused(
            f"its capabilities promise {', '.join(unkept)}, which its class lacks",
            "Write these methods, or promise less",
        )
