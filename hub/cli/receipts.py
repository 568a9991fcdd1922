"""`hub receipt`: verify, reissue, confirm."""

import secrets
from datetime import datetime
from pathlib import Path

import click

from hub.cli.output import as_json, as_moment, journal, load, show, who
from hub.errors import DataInvalid, HubError


@click.group()
def receipt() -> None:
    """Check receipts offline, write them again, confirm that they were fetched."""


@receipt.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option(
    "--trust",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="CA certificates, PEM.",
)
@click.option(
    "--at", "moment", metavar="TIME", help="The time to check for, ISO 8601 with zone; else now."
)
@as_json
def verify(files: tuple[Path, ...], trust: Path, moment: str | None, in_json: bool) -> None:
    """Check seals without the hub, its database or its keys."""
    at = None if moment is None else as_moment(moment)
    found = [_verify(file, trust, at) for file in files]
    bad = sum(not one["valid"] for one in found)
    if in_json:
        show(found)
    else:
        for one in found:
            if one["valid"]:
                click.echo(
                    f"{one['file']}: valid, {one['document']} sealed by {one['signer']}"
                    f" at {one['signed_at']} ({one['level']})"
                )
            else:
                click.echo(f"{one['file']}: NOT valid: {one['why']}")
    if bad:
        raise DataInvalid(
            f"{bad} of {len(files)} not valid",
            where="hub receipt verify",
            fix="Do not rely on them; have them issued again: hub receipt reissue",
        )


def _verify(file: Path, trust: Path, at: datetime | None) -> dict[str, object]:
    from hub import seal

    try:
        verified = seal.verify(_read(file), (trust,), at=at)
    except HubError as error:
        return {"file": str(file), "valid": False, "why": str(error)}
    return {
        "file": str(file),
        "valid": True,
        "document": verified.root,
        "signer": verified.signer,
        "signed_at": verified.signed_at.isoformat(),
        "level": f"XAdES-{verified.level}",
    }


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataInvalid(
            f"cannot be read ({error.strerror})", where=str(file), fix="Name a receipt's file"
        ) from error


@receipt.command()
@click.argument("message_id")
@click.pass_obj
def reissue(file: Path, message_id: str) -> None:
    """Write all receipts of a notice, and the replies to it, again, byte for byte.

    A running hub hands them out. A reply whose content is erased cannot be written again.
    """
    from hub.clock import system_clock
    from hub.journal import handouts, questions, returned_files

    with journal(load(file)) as opened, opened.write() as tx:
        files, erased = list[str](), 0
        for found in questions.by_message_id(tx.connection, message_id):
            again = handouts.again(tx, found.id)
            replies, gone = returned_files.again(tx, found.id)
            now, count = system_clock().now(), len(again) + len(replies)
            tx.note(found.id, "receipt.reissued", now, count=count, user=who())
            place = f"{found.tenant}/{found.procedure}/out"
            files += [f"{place}/{one.name}" for one in again]
            files += [f"{place}/{returned_files.name(one)}" for one in replies]
            erased += gone
    for one in files:
        click.echo(one)
    if erased:
        click.echo(f"replies that are erased and cannot be written: {erased}", err=True)
    click.echo("They are written by the running hub, or by: hub run --once", err=True)


@receipt.command()
@click.argument("place", metavar="TENANT/PROCEDURE")
@click.pass_obj
def confirm(file: Path, place: str) -> None:
    """Confirm that what is gone from a spool's out/ was fetched, after an alarm."""
    from hub import acknowledgement
    from hub.clock import system_clock
    from hub.durable import Disk
    from hub.spool import WorkerLock, open_spool
    from hub.submission import placed

    config, clock = load(file), system_clock()
    tenant, procedure = placed(config, place)
    # Under a lock like a worker's, so that no hub takes the folder for that of a dead one.
    with WorkerLock.hold(config.spool.path, f"c{secrets.token_hex(8)}") as lock:
        spool = open_spool(
            tenant,
            procedure,
            config.folder_of(tenant, procedure),
            worker=lock.worker,
            owner=config.tenants[tenant].procedures[procedure].owner,
            disk=Disk(),
            clock=clock,
        )
        try:
            with journal(config) as opened:
                count = acknowledgement.confirm(opened, spool, clock)
        finally:
            spool.folders.close()
    click.echo(f"{place}: {count} receipts counted as fetched")
