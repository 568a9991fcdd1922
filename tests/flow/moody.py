"""The moody mailbox (`postfach_mailbox_moody`): installed, configured, and put into a mood."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests import foreign
from tests.flow.papers import Drop, drop
from tests.flow.world import World

MAILBOX = Path(__file__).parent / "postfach_mailbox_moody.py"
TABLES = """
[mailboxes.{name}]
plugin = "moody"
scheme = "{name}"
call_timeout = "{timeout}"
[mailboxes.{name}.config]
path = "var/mailboxes/{name}"
repeat = "{repeat}"
confirms = "{confirms}"
prepares = {prepares}
"""
Moody = Callable[..., World]
Program = tuple[str, ...]


def install(folder: Path) -> Program:
    """Make a Python in a folder that has the hub and the moody mailbox; return the hub in it."""
    python = foreign.interpreter(folder)
    release(folder, "1.0")
    return (str(python), "-c", "from hub.cli import main; main()")


def release(folder: Path, version: str) -> None:
    """Install a version of the mailbox there, in the stead of another one."""
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for old in site.glob("site-packages/postfach_mailbox_moody*.dist-info"):
        shutil.rmtree(old)
    shutil.rmtree(site / "site-packages" / "__pycache__", ignore_errors=True)
    text = MAILBOX.read_text("utf-8").replace('VERSION = "1.0"', f'VERSION = "{version}"')
    modules = {MAILBOX.stem: text}
    name = "postfach-mailbox-moody"
    foreign.install(site / "site-packages", name, version, modules, f"moody = {MAILBOX.stem}")


def make(folder: Path, program: Program, mood: str, more: dict[str, str], **settings: str) -> World:
    """Make a hub with a moody mailbox; `more` are settings of the mailbox, the others the hub's."""
    world = World.make(folder, program, **settings)
    add(world, "moody", mood, **more)
    return world


def add(
    world: World,
    name: str,
    mood: str,
    repeat: str = "NEITHER",
    *,
    confirms: str = "at-once",
    prepares: str = "false",
    timeout: str = "30s",
) -> None:
    """Add a moody mailbox that the tenant may use."""
    world.configure('"citizens"', f'"citizens", "{name}"')
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(
            TABLES.format(
                name=name, repeat=repeat, confirms=confirms, prepares=prepares, timeout=timeout
            )
        )
    place(world, name).mkdir()
    feel(world, mood, name)


def place(world: World, name: str = "moody") -> Path:
    """Return the mailbox's folder."""
    return world.folder / "var" / "mailboxes" / name


def feel(world: World, mood: str, name: str = "moody") -> None:
    """Put it into a mood."""
    (place(world, name) / "mood").write_text(mood)


def lines(world: World, file: str, name: str = "moody") -> list[str]:
    """Return what it wrote down."""
    said = place(world, name) / file
    return said.read_text().splitlines() if said.exists() else []


def notice(stem: str = "one", scheme: str = "moody") -> Drop:
    """Return a drop for the mailbox."""
    return drop(stem=stem, scheme=scheme, account="anna")
