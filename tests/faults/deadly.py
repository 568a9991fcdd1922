"""The plugins of `postfach_deadly`: installed, configured, and told of what they die."""

from pathlib import Path

from tests import foreign
from tests.flow.world import World

MODULE = Path(__file__).parent / "postfach_deadly.py"
KINDS = {
    "mailboxes": "postfach_mailbox",
    "checks": "postfach_check",
    "observers": "postfach_observer",
}
# each kind has a module of its own: the contract has one hook for it
HOOKED = """
from postfach_deadly import {hook}
from postfach_mailbox import hookimpl
{hook} = hookimpl({hook})
"""
TABLE = """
[{kind}.{name}]
plugin = "deadly"
{more}
[{kind}.{name}.config]
path = "var/{name}"
"""


def install(folder: Path) -> tuple[str, ...]:
    """Make a Python in a folder that has the hub and these plugins; return the hub in it."""
    python = foreign.interpreter(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    modules = {f"{MODULE.stem}_{kind}": HOOKED.format(hook=hook) for kind, hook in KINDS.items()}
    modules |= {MODULE.stem: MODULE.read_text("utf-8")}
    entries = [f"[postfach.{kind}]\ndeadly = {MODULE.stem}_{kind}" for kind in KINDS]
    foreign.install(site, "postfach-deadly", "1.0", modules, "\n".join(entries))
    return (str(python), "-c", "from hub.cli import main; main()")


def add(world: World, kind: str, name: str, more: str = "") -> Path:
    """Add one of them to hub.toml; return its folder."""
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(TABLE.format(kind=kind, name=name, more=more))
    folder = world.folder / "var" / name
    folder.mkdir(parents=True)
    return folder


def dies_of(folder: Path, *lines: str) -> None:
    """Say of what it dies: operation (or event) and message id."""
    (folder / "dies").write_text("".join(f"{line}\n" for line in lines))


def lines(folder: Path, file: str) -> list[str]:
    """Return what it wrote down."""
    said = folder / file
    return said.read_text().splitlines() if said.exists() else []
