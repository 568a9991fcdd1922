"""`hub backup`, `hub restore`: a copy of journal and vault, and putting it back."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.output import as_json, as_moment, counted, journal, load, moment, show, who
from hub.cli.proofs import as_head
from hub.errors import StorageFailed

if TYPE_CHECKING:
    from hub.backup import Made
    from hub.restoring import Report

PATIENCE = 1.0  # seconds of work of which nobody wants to be told
BETWEEN = 0.2  # seconds between two words of progress


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def backup(file: Path, directory: Path, in_json: bool) -> None:
    """Copy journal, vault and hub.toml into DIR, of one moment, while hubs run.

    DIR is not there yet, or empty. Keys are not copied: keep them elsewhere. Without the master key
    no payload of a backup can be read.
    """
    from hub import backup as making
    from hub.clock import system_clock

    config = load(file)
    with journal(config) as opened, _progress() as tell:
        made = making.make(config, opened, directory, system_clock(), tell)
    if in_json:
        show(_brief(made))
    else:
        _print_made(made)
    if missing := made.manifest.missing:
        raise StorageFailed(
            f"{counted(len(missing), 'segment')} of the vault is gone that the journal names",
            where=str(config.vault.path),
            fix="The backup has all else. Put back from an older one what manifest.json names",
        )


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--lost-at",
    metavar="TIME",
    help="When the lost hub had surely stopped, ISO 8601 with zone; else now.",
)
@click.option(
    "--head",
    metavar="NUMBER:LINK",
    help="A head of the evidence log from before the backup, that you kept: it must be in it.",
)
@as_json
@click.pass_obj
def restore(
    file: Path, directory: Path, lost_at: str | None, head: str | None, in_json: bool
) -> None:
    """Put the backup in DIR back: what came after it is in doubt, not undone.

    Needs hub.toml and the keys in their places, no database there, and no hub that runs. Says what
    may have gone on since the backup and what becomes of it, and which receipts in out/ tell more.
    """
    from hub import restoring
    from hub.clock import system_clock

    order = restoring.Order(
        user=who(),
        lost_until=None if lost_at is None else as_moment(lost_at, "--lost-at"),
        head=None if head is None else as_head(head),
    )
    with _progress() as tell:
        report = restoring.restore(load(file), directory, order, system_clock(), tell)
    if in_json:
        show(_told(report))
    else:
        _print_report(report)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give what tells of progress: on a terminal only, and once it has taken a second."""
    from hub.clock import system_clock

    clock, shown = system_clock(), False
    next_at = clock.elapsed() + PATIENCE

    def tell(what: str, done: int, whole: int) -> None:
        nonlocal next_at, shown
        if clock.elapsed() < next_at or not sys.stderr.isatty():
            return
        next_at, shown = clock.elapsed() + BETWEEN, True
        click.echo(f"\r{what} {100 * done // max(whole, 1)} % ", err=True, nl=False)

    try:
        yield tell
    finally:
        if shown:
            click.echo(err=True)


def _brief(made: "Made") -> dict[str, object]:
    about = asdict(made.manifest)
    return {"folder": str(made.folder), "size": made.size} | about | {"files": len(about["files"])}


def _print_made(made: "Made") -> None:
    about = made.manifest
    segments = counted(len(list(about.segments)), "segment")
    click.echo(f"backup    {made.folder}, as of {moment(about.made_at)}")
    click.echo(f"holds     {made.size} bytes: the database, {segments} of the vault, hub.toml")
    if about.erased:
        click.echo(f"erased    {counted(about.erased, 'segment')} while it was made")
    for segment in about.missing:
        click.echo(f"MISSING   segment {segment}: the journal names it, and it is gone")
    click.echo(f"head      {about.head or '-'}")
    click.echo("keys      not copied: keep them apart, and hub.toml's secrets")


def _told(report: "Report") -> dict[str, object]:
    told = asdict(report)
    for name in ("ended", "unknown"):
        told[name] = [
            {key: value for key, value in one.items() if key != "data"} for one in told[name]
        ]
    return told


def _print_report(report: "Report") -> None:
    click.echo(
        f"restored  as of {moment(report.backup_at)}; lost until {moment(report.lost_until)}"
    )
    click.echo(f"log       {report.log}, goes on from {report.head or '-'} of {report.former_log}")
    for one in report.ended:
        place = f"{one.tenant}/{one.procedure}/out/{one.file}"
        click.echo(f"ended     {one.message_id}  {one.outcome}, as {place} says")
    for each in report.doubted:
        click.echo(
            f"in doubt  {each.message_id}  {each.tenant}/{each.procedure}  {each.mailbox}"
            f"  was {each.was}: {each.next}"
        )
    for one in report.unknown:
        place = f"{one.tenant}/{one.procedure}/out/{one.file}"
        click.echo(f"unknown   {one.message_id or '-'}  {one.outcome}, as {place} says")
    for segment in report.missing:
        click.echo(f"MISSING   segment {segment}: it was gone when the backup was made")
    click.echo("lost      what was taken in between is in no journal. Have the procedures hand in")
    click.echo("          again, unchanged, what has no final receipt. Then: hub list --cases")
