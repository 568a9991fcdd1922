"""`hub init`, `hub submit`, `hub run`."""

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.output import counted, load
from hub.errors import HubError, TryLater

if TYPE_CHECKING:
    from hub.config import Config
    from hub.journal import Journal


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Make a hub for trying out in DIRECTORY: hub.toml, spool, mailboxes, keys, an example."""
    from hub import starter
    from hub.clock import system_clock

    made = starter.init(directory, system_clock().now())
    click.echo(f"made {made.config}, keys and certificate for trying out, and an example notice.")
    click.echo("Next:")
    click.echo(f"  hub --config {made.config} submit {made.notice} --to {made.procedure}")
    click.echo(f"  hub --config {made.config} run --once --announce")


@click.command()
@click.argument("envelope", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--to", "place", required=True, metavar="TENANT/PROCEDURE", help="Which spool.")
@click.option(
    "--document",
    "documents",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A document that the envelope references; else it is looked for beside the envelope.",
)
@click.pass_obj
def submit(file: Path, envelope: Path, place: str, documents: tuple[Path, ...]) -> None:
    """Hand a notice in: documents first, then the envelope, by rename."""
    from hub import submission

    name = submission.submit(load(file), envelope, place, documents)
    click.echo(f"handed in as {place}/in/{name}")


@click.command()
@click.option("--once", is_flag=True, help="Work what is there and due now, then end.")
@click.option("--announce", is_flag=True, help="Print what became durable, a line each.")
@click.pass_obj
def run(file: Path, once: bool, announce: bool) -> None:
    """Run the hub: take notices, deposit them, write receipts.

    With --once it ends with 0 when all that lay there is taken over or refused, though notices may
    be open and due later (counted on stderr), and with 75 when drops could not be taken over.
    """
    from hub import telemetry
    from hub.app import worker
    from hub.app.loop import run as work
    from hub.app.wake import Wake
    from hub.clock import system_clock

    telemetry.set_up(sys.stderr)
    config, clock, wake = load(file), system_clock(), Wake()
    wake.on_termination()
    with worker(config, clock, f"w{secrets.token_hex(8)}") as parts:
        try:
            work(parts, wake, _announce if announce else _silent, once=once)
        except HubError as error:
            if not once:
                raise
            raise TryLater(
                f"the run cannot go on ({error})",
                where=str(config.file),
                fix="Mend the cause and run it again; nothing that was confirmed is lost",
            ) from error
        if once:
            _count_open(config.file, parts.journal)
            if parts.intake.failed:  # not what merely waits for a document or a mailbox's word
                raise TryLater(
                    "drops could not be taken over, by a fault of disk, database or seal",
                    where=str(config.file),
                    fix="They stay as they are. See the log and: hub doctor; then run it again",
                )
            _name_waiting(config)


def _announce(line: str) -> None:
    click.echo(line)


def _silent(_line: str) -> None:
    return


def _count_open(file: Path, journal: "Journal") -> None:
    from hub.journal import questions

    with journal.read() as connection:
        counts = questions.open_by_state(connection)
    for state, count in counts.items():
        are = "is" if count == 1 else "are"
        click.echo(f"hub: {file}: {counted(count, 'notice')} {are} open: {state}", err=True)


def _name_waiting(config: "Config") -> None:
    from hub.doctor.waiting import claims

    for tenant, procedure, stems in claims(config, None):
        names = ", ".join(stems)
        click.echo(
            f"hub: {tenant}/{procedure}: claimed drops wait: {names}. For what: hub doctor",
            err=True,
        )
