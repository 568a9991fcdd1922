"""`hub plugin`: what is installed, whether a mailbox keeps the contract, and a new one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.output import as_json, load, show

if TYPE_CHECKING:
    from hub.config import Config
    from hub.plugins import Row
    from postfach_mailbox.testkit.result import Report


@click.group()
def plugin() -> None:
    """See which plugins are installed, test one, make a new one."""


@plugin.command("list")
@as_json
@click.pass_context
def list_plugins(context: click.Context, in_json: bool) -> None:
    """Show what is installed, enabled and pinned; import none of it.

    Looks into the hub's own Python and into each that hub.toml names; works without a hub.toml too.
    The hash is what `record` pins; an editable install has none that would hold its code.
    Ends with 78 if hub.toml names a plugin that cannot be had.
    """
    from hub import plugins

    found = plugins.overview(_config(context.obj))
    if in_json:
        show({"plugins": [_row(each) for each in found.rows], "problems": list(found.problems)})
    else:
        for row in found.rows:
            click.echo(_line(row))
        for problem in found.problems:
            click.echo(f"hub: {problem}", err=True)
    context.exit(78 if found.problems else 0)


def _config(file: Path) -> "Config | None":
    """Return the configuration; None where there is no such file."""
    return load(file) if file.exists() else None


def _row(row: "Row") -> dict[str, object]:
    return {
        **row.offered.model_dump(exclude={"entry_point"}),
        "plugin": row.offered.entry_point,
        "python": row.python,
        "enabled": list(row.enabled),
        "pinned": row.pinned,
        "record_pinned": row.record_pinned,
    }


def _line(row: "Row") -> str:
    one = row.offered
    used = ", ".join(row.enabled) or "not enabled"
    pins = {(True, True): "pinned with RECORD", (True, False): "pinned"}
    pinned = pins.get((row.pinned, row.record_pinned), "not pinned") if row.enabled else ""
    kind = one.group.removeprefix("postfach.").removesuffix("s").replace("mailboxe", "mailbox")
    parts = (
        f"{kind} {one.entry_point}",
        f"{one.distribution}=={one.version}",
        used,
        pinned,
        "editable" if one.editable else one.record or "no RECORD",
        f"in {row.python}" if row.python else "",
    )
    return "  ".join(part for part in parts if part)


@plugin.command()
@click.argument("name")
@as_json
@click.pass_context
def check(context: click.Context, name: str, in_json: bool) -> None:
    """Run the contract's tests against the mailbox NAME, and say which level it reaches.

    NAME is a mailbox of hub.toml, else an entry point of the hub's own Python. The tests use the
    far side that the plugin's author ships, never the mailbox that hub.toml configures. Ends with
    0 if it keeps what it claims, 65 if not, 69 if it cannot be tested.
    """
    from hub import plugins

    report = plugins.check(_config(context.obj), name)
    if in_json:
        show({**report.model_dump(), "reached": report.reached, "holds": report.holds})
    else:
        _table(report)
    context.exit(0 if report.holds else 65)


def _table(report: "Report") -> None:
    click.echo(f"{report.distribution} {report.version}")
    wide = max((len(each.rule) for each in report.findings), default=0)
    for each in report.findings:
        line = f"{each.level:<7} {each.tier:<9} {each.rule:<{wide}} {each.state:<14} {each.why}"
        # The words of a failure are the plugin's: no control characters on a terminal.
        click.echo("".join(c if c.isprintable() else " " for c in line).rstrip())
        if each.state == "failed":
            click.echo(f"        {each.protects}")
    click.echo(f"level reached: {report.reached or 'none'}, claimed: {report.claimed or 'none'}")


@plugin.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Folder in which it is made; else the current one.",
)
def new(name: str, into: Path) -> None:
    """Make a distribution of a mailbox NAME: an HTTP mailbox with sandbox and tests, to change."""
    from hub import template

    folder = template.render(name, into)
    click.echo(f"made {folder}, a mailbox over HTTP that works with its own sandbox.")
    click.echo("Next:")
    click.echo(f"  python -m pip install --no-build-isolation --editable {folder}")
    click.echo(f"  hub plugin check {name}")
