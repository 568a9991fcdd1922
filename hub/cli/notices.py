"""`hub status`, `hub list`: where notices are, and what waits for a person."""

import re
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli.output import as_json, counted, journal, load, moment, show
from hub.errors import UsageError

if TYPE_CHECKING:
    from hub.config import Config
    from hub.journal import Row
    from hub.journal.cases import Case, ItemCase

SENT = ("deposit", "set_status")
POSTED = {"DEPOSITED": "POSTED", "FAILED": "NOT POSTED"}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command()
@click.argument("message_id")
@click.option("--watch", is_flag=True, help="Follow it until its final state.")
@as_json
@click.pass_obj
def status(file: Path, message_id: str, watch: bool, in_json: bool) -> None:
    """Say where a notice is, every attempt, and what comes next."""
    from hub.app.wake import Wake

    config, wake, last = load(file), Wake(), ""
    wake.on_termination()
    while True:
        found = _status(config, message_id)
        if (shown := str(found)) != last:
            last = shown
            if in_json:
                show(found)
            else:
                for one in found:
                    _print(one)
        if not watch or wake.terminations or all(_ended(one) for one in found):
            return
        wake.wait((), 1.0)


def _status(config: "Config", message_id: str) -> list[dict[str, Any]]:
    from hub.journal import questions

    with journal(config) as opened, opened.read() as connection:
        return [
            questions.story(connection, row)
            for row in questions.by_message_id(connection, message_id)
        ]


def _ended(one: dict[str, Any]) -> bool:
    """Whether nothing more becomes of a notice by itself: it is final, and its post job too."""
    return bool(one["final_at"] and (one["post"] is None or one["post"]["final_at"]))


def _print(one: dict[str, Any]) -> None:
    click.echo(f"{one['message_id']}  {one['tenant']}/{one['procedure']}  {one['state']}")
    if one["status"]:
        click.echo(f"  status    {one['status']} of application {one['application_id']}")
    click.echo(f"  mailbox   {one['mailbox']} ({one['scheme']}: {one['address']})")
    click.echo(f"  accepted  {moment(one['accepted_at'])}, tried until {moment(one['deadline'])}")
    _print_attempts(one["attempts"])
    for late in one["late"]:
        seen = "closed" if late["closed_at"] else "waits for a person"
        click.echo(f"  too late  {moment(late['at'])}  {late['outcome']}, {seen}")
    for receipt in one["receipts"]:
        fetched = moment(receipt["confirmed_at"]) if receipt["confirmed_at"] else "not fetched yet"
        click.echo(f"  receipt   {receipt['file']}  {fetched}")
    if one["settled_at"]:
        click.echo(f"  settled   {moment(one['settled_at'])} as {one['settled_as']}")
    for stop in one["stops"]:
        click.echo(f"  stopped   {stop['what']}, since {moment(stop['since'])}")
    click.echo(f"  next      {one['next']}")
    if (job := one["post"]) is not None:
        state = POSTED.get(job["state"], job["state"])
        more = "" if job["final_at"] else f", {job['next']}"
        click.echo(f"  post      by {job['mailbox']}: {state}{more}")
        _print_attempts(job["attempts"])


def _print_attempts(attempts: list[dict[str, Any]]) -> None:
    for attempt in attempts:
        code = f" {attempt['code']}" if attempt["code"] else ""
        called = "" if attempt["operation"] in SENT else f" {attempt['operation']}"
        click.echo(
            f"  attempt {attempt['n']}  {moment(attempt['started_at'])}"
            f"{called}  {attempt['outcome'] or 'under way'}{code}"
        )


@click.command("list")
@click.option("--state", help="Only this state, as SEALED or FAILED.")
@click.option("--tenant", help="Only this tenant.")
@click.option(
    "--older", metavar="DURATION", help="Only accepted longer ago than this, as 2h or 3d."
)
@click.option("--cases", is_flag=True, help="Only what waits for a person, why, and what to do.")
@as_json
@click.pass_obj
def list_notices(
    file: Path,
    *,
    state: str | None,
    tenant: str | None,
    older: str | None,
    cases: bool,
    in_json: bool,
) -> None:
    """List notices, the oldest first."""
    from hub.clock import system_clock
    from hub.journal import questions

    before = system_clock().now() - _duration(older) if older else None
    wanted = _state(state) if state else None
    if cases:
        _list_cases(load(file), wanted, tenant, before, in_json=in_json)
        return
    with journal(load(file)) as opened, opened.read() as connection:
        rows = questions.listed(connection, wanted, tenant, before)
    if in_json:
        show([_brief(row) for row in rows])
        return
    for row in rows:
        status = f"  status {row.status}" if row.status else ""
        click.echo(
            f"{moment(row.accepted_at)}  {row.state:<10}  {row.tenant}/{row.procedure}"
            f"  {row.mailbox}  {row.message_id}{status}"
        )
    more = "; there may be more" if len(rows) == questions.LIST_LIMIT else ""
    click.echo(f"{counted(len(rows), 'notice')}{more}", err=True)


def _list_cases(
    config: "Config",
    state: str | None,
    tenant: str | None,
    before: datetime | None,
    *,
    in_json: bool,
) -> None:
    from hub.journal.cases import cases, items

    with journal(config) as opened, opened.read() as connection:
        found = [
            case
            for case in cases(connection, config.mailboxes)
            if state in (None, case.row.state)
            and tenant in (None, case.row.tenant)
            and _is_of(case.row.accepted_at, before)
        ]
        returned = [
            item
            for item in items(connection)
            if state is None and tenant in (None, item.tenant) and _is_of(item.since, before)
        ]
    if in_json:
        show(
            [
                _brief(case.row)
                | {"case": case.kind, "since": case.since, "why": case.why, "fix": case.fix}
                for case in found
            ]
            + [{"case": "returned"} | asdict(item) for item in returned]
        )
        return
    _print_cases(found, returned)


def _is_of(at: datetime | None, before: datetime | None) -> bool:
    """Whether something is of a time or earlier; also where its own time is damaged."""
    return before is None or at is None or at <= before


def _print_cases(found: "list[Case]", returned: "list[ItemCase]") -> None:
    for case in found:
        row = case.row
        click.echo(
            f"{moment(case.since)}  {row.state:<10}  {row.tenant}/{row.procedure}"
            f"  {row.mailbox}  {row.message_id}"
        )
        _print_to_do(case.why, case.fix)
    for item in returned:
        click.echo(
            f"{moment(item.since)}  returned {item.number}  {item.mailbox}  {item.kind}"
            f"  {item.message_id or 'of no notice'}"
        )
        _print_to_do(item.why, item.fix)
    click.echo(counted(len(found) + len(returned), "case"), err=True)


def _print_to_do(why: str, fix: str) -> None:
    click.echo(f"  why       {why}")
    click.echo(f"  to do     {fix}")


def _brief(row: "Row") -> dict[str, object]:
    keys = ("message_id", "tenant", "procedure", "mailbox", "state", "accepted_at", "due_at")
    of_status = ("kind", "status", "application_id")
    return {key: getattr(row, key) for key in (*keys, *of_status)}


def _state(text: str) -> str:
    from hub.model import State

    try:
        return State(text.upper()).value
    except ValueError:
        known = ", ".join(State)
        raise UsageError("no such state", where="--state", fix=f"Name one of {known}") from None


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if not found:
        raise UsageError("not a duration", where="--older", fix="Write it as 90s, 10m, 2h or 3d")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])
