"""Load the one plugin that hub.toml names, in the mailbox's own process.

pluggy's defaults are not safe here (a misspelt hook is never called, the first of two distributions
with one name wins in silence), so: one manager for one mailbox, exactly one entry point of the
named distribution and version, unknown hooks refused.

Errors: StartRefused, and nothing else, whatever the plugin's code does while it is loaded.
"""

import inspect
import re
import traceback
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import BaseModel, ValidationError

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.frames import Operation, Start
from postfach_mailbox.hooks import PROJECT, MailboxHooks, PluginHooks

if TYPE_CHECKING:
    from pluggy import HookimplOpts

GROUP = "postfach.mailboxes"
REQUIRED = ("capabilities", "deposit", "health")


class StartRefused(Exception):
    """The mailbox cannot be used so: what is wrong, and what to do."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(f"{reason}. {fix}")
        self.reason, self.fix = reason, fix


class Loaded:
    """A mailbox, ready to be called: its hooks and what it said about itself."""

    def __init__(
        self, hooks: pluggy.HookRelay, capabilities: Capabilities, operations: tuple[Operation, ...]
    ) -> None:
        self.hooks, self.capabilities, self.operations = hooks, capabilities, operations


class _Hooks(pluggy.PluginManager):
    """Takes marked functions of the module, and every public method of the mailbox."""

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
    """Return the mailbox that `start` names, made with its settings. Raises StartRefused."""
    entry = _entry_point(start)
    try:
        return _load(entry, start)
    except StartRefused:
        raise
    except pluggy.PluginValidationError as error:
        raise StartRefused(
            f"its hooks are not those of the contract: {_one_line(error)}",
            "Name own methods with a leading underscore, or correct the name",
        ) from error
    except BaseException as error:  # foreign code may raise anything, SystemExit too
        raise StartRefused(
            f"does not load: {describe(error)}", f"Repair or reinstall {start.distribution}"
        ) from error


def describe(error: BaseException) -> str:
    """Return class and place of an error, without its text, which may hold payload or secrets.

    Import errors keep their text: it names a module.
    """
    if isinstance(error, ImportError):
        return f"{type(error).__name__}: {_one_line(error)}"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    name = re.sub(r".*/(?=[^/]+/[^/]+$)", "", frames[-1].filename)
    return f"{type(error).__name__} in {name}:{frames[-1].lineno}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _entry_point(start: Start) -> metadata.EntryPoint:
    wanted = (_canonical(start.distribution), start.version)
    found = [
        entry
        for entry in metadata.entry_points(group=GROUP, name=start.entry_point)
        if entry.dist and (_canonical(entry.dist.name), entry.dist.version) == wanted
    ]
    if len(found) != 1:
        raise StartRefused(
            f"{len(found)} entry points {start.entry_point!r} of {start.distribution}"
            f" {start.version} are installed; there must be one",
            "Install exactly that version, then start again",
        )
    return found[0]


def _load(entry: metadata.EntryPoint, start: Start) -> Loaded:
    manager = _Hooks(PROJECT)
    manager.add_hookspecs(PluginHooks)
    module = entry.load()
    if not isinstance(module, ModuleType):
        raise StartRefused("its entry point names no module", "Name the module, without a colon")
    manager.register(module)
    manager.check_pending()
    mailbox_class = manager.hook.postfach_mailbox()
    if not isinstance(mailbox_class, type):
        raise StartRefused(
            "its module has no hook `postfach_mailbox` that returns a class",
            "Mark the function with `hookimpl`",
        )
    mailbox = mailbox_class(_config(mailbox_class, start))
    manager.add_hookspecs(MailboxHooks)
    manager.register(mailbox)
    manager.check_pending()
    return _checked(manager.hook)


def _config(mailbox_class: Any, start: Start) -> BaseModel:
    model = getattr(mailbox_class, "Config", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise StartRefused("its class has no model `Config`", "Derive one from Settings")
    if model.model_config.get("extra") != "forbid" or not model.model_config.get("frozen"):
        raise StartRefused("its `Config` is not closed and frozen", "Derive it from Settings")
    try:
        return model.model_validate(start.config, context={"base": start.base})
    except ValidationError as error:
        # Built from place and message: the input may be a secret that was put there by mistake.
        found = [
            f"config.{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise StartRefused("; ".join(found), "Correct the mailbox's table in hub.toml") from error


def _checked(hooks: pluggy.HookRelay) -> Loaded:
    """Check that the class can do what the contract requires and its capabilities promise."""
    known = {each.value for each in Operation} | {"capabilities"}
    offered = {name for name in known if getattr(hooks, name).get_hookimpls()}
    missing = [name for name in REQUIRED if name not in offered]
    if missing:
        raise StartRefused(f"its class lacks {', '.join(missing)}", "Write these methods")
    capabilities = hooks.capabilities()
    if type(capabilities) is not Capabilities:
        raise StartRefused("capabilities() returned something else", "Return Capabilities")
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
    return Loaded(hooks, capabilities, tuple(each for each in Operation if each in offered))
