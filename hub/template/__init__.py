"""`hub plugin new`: a complete distribution of a mailbox, made from the files beside this module.

files/          what becomes of the distribution; each ends in `.in`, `package` gets its name
@NAME@          the entry point, as given: `zapuk`
@PACKAGE@       the module: `postfach_mailbox_zapuk`
@DISTRIBUTION@  what is installed: `postfach-mailbox-zapuk`

What is rendered passes its own checks (`./ci`); a test of the hub sees to that.
"""

import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from hub.errors import CannotCreate, UsageError

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_MAX = 30  # characters; it is a scheme, a module and a command line
SUFFIX = ".in"
HIDDEN = {"gitignore": ".gitignore"}  # kept without the dot: here it would mean this repository
PROGRAMS = ("ci",)


def render(name: str, into: Path) -> Path:
    """Write the distribution of a mailbox `name` into a new folder of `into`, and return that.

    Raises UsageError where `name` cannot be one, CannotCreate where the folder is there or cannot
    be written.
    """
    if len(name) > NAME_MAX or not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a mailbox",
            where="NAME",
            fix=f"Use a-z, 0-9 and single hyphens, a letter first, at most {NAME_MAX} characters",
        )
    package = f"postfach_mailbox_{name.replace('-', '_')}"
    words = {
        "@NAME@": name,
        "@PACKAGE@": package,
        "@DISTRIBUTION@": f"postfach-mailbox-{name}",
    }
    folder = into / words["@DISTRIBUTION@"]
    try:
        into.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        _write(resources.files(__package__) / "files", folder, words)
        (folder / "package").rename(folder / package)
    except FileExistsError as error:
        raise CannotCreate(
            "it is there already", where=str(folder), fix="Name another place with --into"
        ) from error
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise CannotCreate(
            what, where=str(error.filename or folder), fix="Name a folder that you may write"
        ) from error
    return folder


def _write(source: Traversable, folder: Path, words: dict[str, str]) -> None:
    for each in source.iterdir():
        if each.is_dir():
            (folder / each.name).mkdir()
            _write(each, folder / each.name, words)
        elif each.name.endswith(SUFFIX):
            name = each.name.removesuffix(SUFFIX)
            text = each.read_text("utf-8")
            for word, value in words.items():
                text = text.replace(word, value)
            target = folder / HIDDEN.get(name, name)
            target.write_text(text, "utf-8")
            if name in PROGRAMS:
                target.chmod(0o755)
