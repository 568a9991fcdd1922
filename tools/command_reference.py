"""Writes docs/reference/commands.md from the commands themselves; `make docs` calls it.

With --check it writes nothing and ends with 1 where the page is not what the commands say.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from hub.cli import hub

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"
HEAD = """\
# The command hub

Made from the code by `make docs`; do not edit.

    hub [--config FILE] COMMAND ...

- Results go to stdout, messages and the log to stderr. `--json` prints results as JSON; its keys
  are English.
- A message says where, what, and what to do: `hub: WHERE: WHAT. FIX`.
- Texts are in English for now.

| exit code | means |
| --- | --- |
| 0 | done |
| 64 | the command line cannot be meant so |
| 65 | what was handed over is refused: an envelope, an id, a receipt |
| 69 | something needed is not there |
| 70 | a bug of the hub: please report it with its traceback |
| 73 | a file or folder cannot be made |
| 74 | reading or writing failed |
| 75 | the run could not go on, or stood still; started again it goes on where it stopped |
| 77 | rights are missing |
| 78 | hub.toml, a file that it names, or the database is not one to work with |

Lines of `hub run --announce`, each written after what it says is durable:

| line | says |
| --- | --- |
| `accepted MESSAGE_ID` | the hub has taken the notice over |
| `final MESSAGE_ID STATE` | `DEPOSITED`, `FAILED` or `UNRESOLVED` |
| `receipt TENANT/PROCEDURE/out/FILE` | the receipt lies there, whole |
"""


def page() -> str:
    """Return the page's text."""
    context = click.Context(hub, info_name="hub")
    parts = [HEAD, _options("Options of every command", hub), *_commands(hub, context)]
    return "\n".join(parts)


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.commands[name]
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)
        else:
            yield _command(command, inner)


def _command(command: click.Command, context: click.Context) -> str:
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    text = inspect.cleandoc(command.help or "")
    return f"## {context.command_path}\n\n    {usage}\n\n{text}\n{_rows(command)}"


def _options(title: str, command: click.Command) -> str:
    return f"## {title}\n{_rows(command)}"


def _rows(command: click.Command) -> str:
    rows = [
        f"| `{', '.join(one.opts)}{_value(one)}` | {'Needed. ' if one.required else ''}{one.help} |"
        for one in command.params
        if isinstance(one, click.Option)
    ]
    return "\n".join(("", "| option | does |", "| --- | --- |", *rows, "")) if rows else ""


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    value = option.metavar or (option.name or "").upper()
    return f" {value}{' ...' if option.multiple else ''}"


def main() -> int:
    """Write the page, or compare it; returns the exit code."""
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.read_text("utf-8") == page() else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
