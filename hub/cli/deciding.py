"""`hub retry`, `release`, `settle`, `pause`, `resume`: what a person decides."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.naming import in_work, named, of_tenant
from hub.cli.output import as_moment, counted, journal, load, moment, who
from hub.errors import DataInvalid, UsageError

if TYPE_CHECKING:
    from hub.config import Config

REASON_MAX = 500  # characters


@click.command()
@click.argument("message_id")
@of_tenant
@click.pass_obj
def retry(file: Path, message_id: str, tenant: str | None) -> None:
    """Try a waiting notice now: send it, or in doubt send it again or ask, as its mailbox allows.

    In doubt it is sent again only to a mailbox that is IDEMPOTENT, and asked only at one that can
    be asked, once no call of it is in the air; at any other it is refused (65).
    """
    from hub.clock import system_clock
    from hub.journal import deciding, questions
    from hub.model import State
    from hub.transition import operation

    now = system_clock().now()
    with journal(load(file)) as opened, opened.write() as tx:
        row = in_work(tx, named(tx, message_id, tenant))
        policy = questions.policy(tx.connection, row.mailbox)
        if not operation(State(row.state), policy):
            raise DataInvalid(
                f"it is {row.state} and can neither be sent again nor asked for",
                where=message_id,
                fix="hub status says what it waits for; hub list --cases, what a person can do",
            )
        if row.lease_owner:
            click.echo(f"{message_id}: an attempt is under way")
            return
        due_at = deciding.hasten(tx, row, policy, now)
        tx.note(row.id, "notice.hastened", now, message_id=row.message_id, user=who())
        stops = [stop["what"] for stop in questions.story(tx.connection, row)["stops"]]
    if stops:
        click.echo(f"{message_id}: due when nothing stops it any more: {', '.join(stops)}")
        return
    when = "due now"
    if due_at > now:
        when = f"due at {moment(due_at)}, by NotBefore or since a call may still be in the air"
    click.echo(f"{message_id}: {when}; a running hub tries it, or: hub run --once")


@click.command()
@click.argument("message_id")
@of_tenant
@click.pass_obj
def release(file: Path, message_id: str, tenant: str | None) -> None:
    """Free a notice that is held by crashes, or since what is stored of it did not open.

    It goes back to the state it had, never past a doubt. What is held by its mailbox goes on by
    itself when the mailbox is mended, and is refused here (65).
    """
    from hub.clock import system_clock
    from hub.journal import deciding, questions, soundness
    from hub.journal.cases import BY_MAILBOX
    from hub.model import State

    now = system_clock().now()
    with journal(load(file)) as opened, opened.write() as tx:
        row = in_work(tx, named(tx, message_id, tenant))
        if row.state != State.HELD:
            raise DataInvalid(
                f"it is {row.state}, not held", where=message_id, fix="See: hub status"
            )
        if row.held_reason in BY_MAILBOX:
            raise DataInvalid(
                f"it is held by its mailbox {row.mailbox}, not by itself",
                where=message_id,
                fix="Mend the mailbox (hub doctor); what is held goes on by itself",
            )
        if wrong := soundness.of_notice(tx.connection, row.id):
            raise DataInvalid(
                f"its rows in the journal are damaged: {', '.join(wrong)}",
                where=message_id,
                fix="Put back what stood there, from a backup; then release it",
            )
        due_at = deciding.release(tx, row, questions.policy(tx.connection, row.mailbox), now)
        tx.note(row.id, "notice.released", now, message_id=row.message_id, user=who())
    waits = "it waits for a person: hub settle" if due_at is None else f"due {moment(due_at)}"
    click.echo(f"{message_id}: {row.held_from} again; {waits}")


@click.command()
@click.argument("message_id")
@click.option(
    "--as",
    "settled_as",
    type=click.Choice(["deposited", "failed"]),
    required=True,
    help="What became of it: it is in the mailbox, or surely not.",
)
@click.option(
    "--reason",
    required=True,
    metavar="TEXT",
    help="On what grounds, in a sentence without names: it stands in the receipt.",
)
@click.option(
    "--at", "happened_at", metavar="TIME", help="When it was deposited, ISO 8601 with zone."
)
@of_tenant
@click.pass_obj
def settle(
    file: Path,
    message_id: str,
    *,
    settled_as: str,
    reason: str,
    happened_at: str | None,
    tenant: str | None,
) -> None:
    """Say what became of a notice that is in doubt, held or unresolved: once, for good.

    Its procedure gets an `unresolved` receipt, if it has none, and a `settled` one. It stays
    UNRESOLVED: no mailbox confirmed anything. For a notice that is final, and whose mailbox gave
    another answer later, it only says that a person has seen to it. One that failed is taken off
    the post by it, if its letter waits there; where a late answer held that, --as failed posts it.
    """
    from hub import casework, seal
    from hub.clock import system_clock
    from hub.issuing import Issuer

    at, config, now = _deposited_at(happened_at, settled_as), load(file), system_clock().now()
    if not reason.strip() or len(reason) > REASON_MAX:
        fix = f"Give 1 to {REASON_MAX} characters"
        raise UsageError("no reason that a receipt can hold", where="--reason", fix=fix)
    decision = casework.Decision(
        settled_as=settled_as, reason=reason.strip(), happened_at=at, user=who()
    )
    key = seal.load(config.seal.key, config.seal.password_file, config.folder)
    with journal(config) as opened:
        with opened.write() as tx:
            row = named(tx, message_id, tenant)
        _see_possible(at, row.accepted_at, now)
        issuer = Issuer(name=config.hub.name, log_id=opened.log_id, seal=key)
        settled = casework.settle(opened, issuer, row.id, decision, now)
    for one in settled.files:
        click.echo(f"{one.tenant}/{one.procedure}/out/{one.name}")
    if settled.files:
        click.echo("They are written by the running hub, or by: hub run --once", err=True)
    else:
        click.echo(f"{message_id}: late answers closed: {settled.late}; it keeps its receipts")


@click.command()
@click.argument("number", type=int)
@click.pass_obj
def close(file: Path, number: int) -> None:
    """Say that you have seen to something that came back, by its number in `hub list --cases`.

    It stays in the journal and goes to no procedure; its content is erased as that of notices is.
    """
    from hub.clock import system_clock
    from hub.journal import returning

    now = system_clock().now()
    with journal(load(file)) as opened, opened.write() as tx:
        found = returning.close(tx, number, now)
        if found is None:
            raise DataInvalid(
                "nothing that came back waits under this number",
                where=str(number),
                fix="See: hub list --cases",
            )
        tx.note(
            found.notice_id,
            "returned.closed",
            now,
            mailbox=found.mailbox,
            code=found.trouble,
            user=who(),
        )
    click.echo(f"{found.kind} {number} of mailbox {found.mailbox} is closed")


def _deposited_at(text: str | None, settled_as: str) -> datetime | None:
    if text is None:
        return None
    if settled_as != "deposited":
        raise UsageError("what failed has no such time", where="--at", fix="Leave it out")
    return as_moment(text)


def _see_possible(at: datetime | None, accepted_at: datetime, now: datetime) -> None:
    """Raise UsageError for a time at which the notice cannot have been deposited."""
    if at is not None and not accepted_at.replace(microsecond=0) <= at <= now:
        raise UsageError(
            f"not between {moment(accepted_at)}, when the hub had it, and now",
            where="--at",
            fix="Give the mailbox's own time, or leave it out",
        )


@click.command()
@click.argument("name", metavar="TENANT|MAILBOX")
@click.option("--tenant", "kind", flag_value="tenant", help="The tenant of this name is meant.")
@click.option("--mailbox", "kind", flag_value="mailbox", help="The mailbox of this name is meant.")
@click.pass_obj
def pause(file: Path, name: str, kind: str | None) -> None:
    """Send nothing more of a tenant, or to a mailbox, until it is resumed.

    Calls in flight end as usual. What is handed in for a mailbox is taken over and waits; drops of
    a tenant stay in its in/. No deadline runs meanwhile, but that of ObsoleteAfter.
    """
    from hub.clock import system_clock
    from hub.journal import pauses

    config, now = load(file), system_clock().now()
    kind = _kind(config, name, kind)
    with journal(config) as opened, opened.write() as tx:
        begun = pauses.begin(tx, kind, name, now)
        if begun:
            tx.note(None, f"{kind}.paused", now, name=name, user=who())
    click.echo(f"{kind} {name} is paused" if begun else f"{kind} {name} was paused already")


def _kind(config: "Config", name: str, kind: str | None) -> str:
    known = {"tenant": config.tenants, "mailbox": config.mailboxes}
    kinds = [each for each in known if name in known[each] and kind in (None, each)]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        raise UsageError(
            "a tenant and a mailbox have this name", where=name, fix="Say --tenant or --mailbox"
        )
    raise DataInvalid(
        f"hub.toml has no such {kind or 'tenant or mailbox'}",
        where=name,
        fix="See: hub config show",
    )


@click.command()
@click.argument("name", metavar="TENANT|MAILBOX")
@click.option("--tenant", "kind", flag_value="tenant", help="The tenant of this name is meant.")
@click.option("--mailbox", "kind", flag_value="mailbox", help="The mailbox of this name is meant.")
@click.pass_obj
def resume(file: Path, name: str, kind: str | None) -> None:
    """Let a tenant or mailbox go on; deadlines move by the time of the pause."""
    from hub.clock import system_clock
    from hub.journal import pauses

    now = system_clock().now()
    with journal(load(file)) as opened, opened.write() as tx:
        kinds = [
            one.kind
            for one in pauses.standing(tx.connection)
            if one.name == name and kind in (None, one.kind)
        ]
        if len(kinds) > 1:
            raise UsageError(
                "a tenant and a mailbox of this name are paused",
                where=name,
                fix="Say --tenant or --mailbox",
            )
        if not kinds:
            raise DataInvalid("it is not paused", where=name, fix="hub doctor names what is")
        moved = pauses.end(tx, kinds[0], name, now) or 0
        tx.note(None, f"{kinds[0]}.resumed", now, name=name, count=moved, user=who())
    click.echo(f"{kinds[0]} {name} goes on; {counted(moved, 'deadline')} moved")
