"""`hub config` and `hub doctor`."""

from pathlib import Path

import click

from hub.cli.output import as_json, counted, load, show
from hub.errors import ConfigError


@click.group()
def config() -> None:
    """Check and show hub.toml."""


@config.command()
@as_json
@click.pass_context
def check(context: click.Context, in_json: bool) -> None:
    """Read hub.toml and name all its errors at once; change nothing."""
    file: Path = context.obj
    try:
        found = load(file)
    except ConfigError as error:
        if not in_json:
            raise
        show({"ok": False, "errors": error.errors})
        context.exit(error.exit_code)
    if in_json:
        show({"ok": True, "errors": []})
        return
    procedures = sum(len(one.procedures) for one in found.tenants.values())
    mailboxes = f"{len(found.mailboxes)} mailbox" + ("" if len(found.mailboxes) == 1 else "es")
    click.echo(
        f"{file}: ok; {counted(len(found.tenants), 'tenant')},"
        f" {counted(procedures, 'procedure')}, {mailboxes}"
    )


@config.command("show")
@as_json
@click.pass_obj
def show_config(file: Path, in_json: bool) -> None:
    """Print every setting in effect, and where its value came from."""
    found = load(file)
    if in_json:
        show([{"key": s.key, "value": s.value, "origin": s.origin} for s in found.settings])
        return
    for setting in found.settings:
        click.echo(f"{setting.key} = {setting.value}   # {setting.origin}")


@config.command()
def schema() -> None:
    """Print the JSON Schema of hub.toml, for editors that complete and check while one types."""
    import json

    from hub.config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@click.command()
@as_json
@click.pass_context
def doctor(context: click.Context, in_json: bool) -> None:
    """Look at everything a hub needs: what is wrong, why it matters, what to do.

    Ends with 0 if nothing is wrong, 78 if something is that hub.toml or its files name, else 69.
    """
    from hub import doctor as examination

    findings = examination.examine(load(context.obj))
    if in_json:
        show(
            [
                {
                    "subject": one.subject,
                    "ok": one.ok,
                    "what": one.what,
                    "why": one.why,
                    "fix": one.fix,
                }
                for one in findings
            ]
        )
    else:
        for one in findings:
            click.echo(f"{'ok  ' if one.ok else 'BAD '} {one.subject}: {one.what}")
            if not one.ok:
                click.echo(f"       why it matters: {one.why}")
                click.echo(f"       what to do:     {one.fix}")
    context.exit(max((one.exit_code for one in findings), default=0))
