"""What is wrong with a plugin, said to the one who has to mend it.

Texts are built from places, names and the contract's own words, never from values: those may be a
secret that was put there by mistake, or payload.
"""

import difflib
import re
import traceback
from collections.abc import Iterable
from typing import Any

import pluggy
from pydantic import BaseModel, ValidationError

FOREIGN = re.compile(r"<frozen .*|.*/(pydantic|importlib)/.*")  # code that only passes errors on


def one_line(error: BaseException) -> str:
    """Return an error's text, cut."""
    return " ".join(str(error).split())[:300]


def describe(error: BaseException) -> str:
    """Return class and place of an error, without its text, which may hold payload or secrets.

    Import errors keep their text: it names a module.
    """
    kind = type(error).__name__
    if isinstance(error, ImportError):
        return f"{kind}: {one_line(error)}"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return kind
    told = [each for each in frames if not FOREIGN.fullmatch(each.filename)] or frames
    return f"{kind} in {_short(told[-1].filename)}:{told[-1].lineno}"


def unloadable(error: BaseException) -> str:
    """Return class and place of an error while a module is imported; a syntax error's own place."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__} in {_short(error.filename)}:{error.lineno}"
    return describe(error)


def _short(filename: str) -> str:
    return re.sub(r".*/(?=[^/]+/[^/]+$)", "", filename)


def meant(name: str, known: Iterable[str]) -> str:
    """Return `Did you mean ...? ` where a known name is close, else nothing."""
    close = difflib.get_close_matches(name[:60], list(known), n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def invalid(error: ValidationError, below: str, model: type[BaseModel]) -> str:
    """Say what does not fit into a model, a part for each field.

    below: what stands before each field's name
    """
    found = []
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in each["loc"])
        known = tuple(model.model_fields) if len(each["loc"]) == 1 else ()
        match each["type"]:
            case "extra_forbidden":
                what = f"unknown key. {meant(place, known)}".strip().removesuffix(".")
            case "missing":
                what = "must be set"
            case _:
                what = each["msg"]
        found.append(f"{below}{place}: {what}" if place else f"{below.rstrip('.')}: {what}")
    return "; ".join(found)


def unknown_hook(relay: pluggy.HookRelay) -> tuple[str, str] | None:
    """Return a hook that was registered and is none of the contract, and what may be meant."""
    callers: dict[str, Any] = vars(relay)
    known = [name for name, hook in callers.items() if hook.has_spec()]
    for name, hook in callers.items():
        if not hook.has_spec():
            return name, meant(name, known)
    return None


def arguments(error: pluggy.PluginValidationError) -> str:
    """Return what pluggy says of a hook's arguments, without its objects' addresses."""
    text = str(error)
    hook = re.search(r"for hook '(\w+)'", text)
    unknown = re.search(r"Argument\(s\) \{(.*?)\}", text)
    if hook is None or unknown is None:
        return one_line(error)
    return f"`{hook[1]}` has an argument that the contract does not give: {unknown[1]}"
