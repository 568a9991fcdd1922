"""`hub evidence`: whether the log that proves each transmission is whole."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.output import as_json, counted, journal, load, moment, show
from hub.errors import DataInvalid, UsageError

if TYPE_CHECKING:
    from hub.evidence import Head
    from hub.proving import Proof

HEAD = re.compile(r"([1-9][0-9]{0,18}):([0-9a-f]{64})")


@click.group()
def evidence() -> None:
    """Check the evidence log."""


@evidence.command()
@click.option(
    "--head",
    metavar="NUMBER:LINK",
    help="A head that an earlier call printed and you kept: it must still be in the log.",
)
@as_json
@click.pass_obj
def verify(file: Path, head: str | None, in_json: bool) -> None:
    """Compute the whole log anew, and hold each receipt against its entry.

    Reads beside a running hub, and changes nothing. What it prints as `head` proves later, by
    --head, that nothing up to there was changed, taken away or written anew: keep it elsewhere.
    """
    from hub import proving

    end = None if head is None else as_head(head)
    with journal(load(file)) as opened:
        proof = proving.prove(opened, end, _tell)
    if in_json:
        show(asdict(proof))
    else:
        _print(proof)
    if proof.wrong:
        raise DataInvalid(
            f"the evidence log does not hold: {counted(proof.wrong, 'finding')}",
            where="hub evidence verify",
            fix="Stop the hub, keep the database as it is, and compare it with a backup",
        )


def as_head(text: str) -> "Head":
    """Return the head that `--head` names. Raises UsageError."""
    from hub.evidence import Head

    found = HEAD.fullmatch(text)
    if found is None:
        fix = "As `hub evidence verify` printed it: the number, a colon, 64 hex digits"
        raise UsageError("no head of an evidence log", where="--head", fix=fix)
    return Head(number=int(found[1]), link=found[2])


def _tell(commits: int) -> None:
    click.echo(f"{commits} commits read", err=True)


def _print(proof: "Proof") -> None:
    for finding in proof.findings:
        click.echo(f"WRONG     {finding}")
    if proof.wrong > len(proof.findings):
        click.echo(f"WRONG     {proof.wrong - len(proof.findings)} more")
    entries = f"{proof.entries} {'entry' if proof.entries == 1 else 'entries'}"
    commits = counted(proof.commits, "commit")
    whole = "NOT whole" if proof.wrong else "whole"
    click.echo(
        f"log       {whole}: {entries} in {commits}, {moment(proof.first)} to {moment(proof.last)}"
    )
    click.echo(f"receipts  {counted(proof.receipts, 'receipt')} named by their entries")
    if proof.head is not None:
        click.echo(f"head      {proof.head.number}:{proof.head.link}")
