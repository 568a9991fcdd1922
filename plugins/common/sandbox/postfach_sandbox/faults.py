"""Switches that make a sandbox difficult, for one address or for all (`*`).

    good            as at first
    slow N          stores, and answers after N seconds
    busy N          429 with Retry-After: N
    error, away     500; 503; stores nothing
    drop-before     breaks the connection, stores nothing
    drop-after      stores, then breaks the connection instead of answering
    wrong-type      stores, then answers with a page in HTML
    closed          the account is closed
    clock-skew N    the server's clock is N seconds ahead (N < 0: behind): its Date, its tokens

A switch holds until `good`, or with `once` for one request. Over HTTP:

    curl -X POST 'http://127.0.0.1:PORT/switch?account=ADDRESS&do=busy&value=3&once=1'

A handler that knows the address asks `take` and gives the switch to `acted`, which does all but
`closed` and `clock-skew`: those the handler itself looks at.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Final

from aiohttp import web

ALL: Final = "*"
_ADDRESS_MAX: Final = 255
_VALUE_MAX: Final = 86_400 * 400
_SKEW: Final = web.RequestKey("skew", timedelta)


class Fault(StrEnum):
    """What a switch does."""

    GOOD = "good"
    SLOW = "slow"
    BUSY = "busy"
    ERROR = "error"
    AWAY = "away"
    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    WRONG_TYPE = "wrong-type"
    CLOSED = "closed"
    CLOCK_SKEW = "clock-skew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What is switched for an address; `do` is a Fault or one of the sandbox's own."""

    do: str = Fault.GOOD
    value: float = 0
    once: bool = False


GOOD: Final = Switch()


class Switches:
    """The switches of one sandbox; may be turned from any thread."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        """Begin with everything good; `more` names switches that the sandbox itself obeys."""
        self.known = (*Fault, *more)
        self._set: dict[str, Switch] = {}
        self._lock = threading.Lock()

    def turn(self, account: str, do: str, value: float = 0, *, once: bool = False) -> None:
        """Turn a switch; `good` for `*` turns off all. Raises ValueError: there is no such one."""
        if do not in self.known:
            raise ValueError(f"do: one of {', '.join(self.known)}")
        if not 0 < len(account) <= _ADDRESS_MAX or not abs(value) <= _VALUE_MAX:
            raise ValueError(f"account: 1 to {_ADDRESS_MAX} characters; value: a number of seconds")
        with self._lock:
            if do == Fault.GOOD:
                self._forget(account)
            else:
                self._set[account] = Switch(do=do, value=value, once=once)

    def at(self, account: str) -> Switch:
        """Return what holds for an address: its own switch, else that of `*`. Uses none up."""
        with self._lock:
            return self._set.get(account) or self._set.get(ALL, GOOD)

    def take(self, account: str) -> Switch:
        """Return what holds for an address, for one request: `once` is then used up."""
        with self._lock:
            key = account if account in self._set else ALL
            found = self._set.get(key, GOOD)
            if found.once:
                del self._set[key]
            return found

    def skew(self, account: str = ALL) -> timedelta:
        """Return by how much the server's clock is wrong towards an address."""
        with self._lock:
            for found in (self._set.get(account, GOOD), self._set.get(ALL, GOOD)):
                if found.do == Fault.CLOCK_SKEW:
                    return timedelta(seconds=found.value)
        return timedelta(0)

    def now(self, account: str = ALL) -> datetime:
        """Return what the server's clock shows, in UTC."""
        return datetime.now(UTC) + self.skew(account)

    def equip(self, app: web.Application) -> None:
        """Add `POST /switch`, `GET /switch`, and the Date of the server's clock to all answers."""
        app.router.add_post("/switch", self._post)
        app.router.add_get("/switch", self._get)
        app.on_response_prepare.append(self._date)

    def _forget(self, account: str) -> None:
        if account == ALL:
            self._set.clear()
        else:
            self._set.pop(account, None)

    async def _post(self, request: web.Request) -> web.Response:
        wish = request.query
        try:
            once = {"": False, "0": False, "1": True}[wish.get("once", "")]
            value = float(wish.get("value") or 0)
            self.turn(wish.get("account", ALL), wish.get("do", ""), value, once=once)
        except KeyError:
            return web.json_response({"error": "once: 0 or 1"}, status=422)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=422)
        return web.json_response({"ok": True})

    async def _get(self, request: web.Request) -> web.Response:
        del request
        with self._lock:
            shown = {
                account: {"do": each.do, "value": each.value, "once": each.once}
                for account, each in sorted(self._set.items())
            }
        return web.Response(text=json.dumps(shown, indent=1), content_type="application/json")

    async def _date(self, request: web.Request, response: web.StreamResponse) -> None:
        at = datetime.now(UTC) + request.get(_SKEW, self.skew())
        response.headers["Date"] = format_datetime(at, usegmt=True)


async def acted(
    request: web.Request,
    switches: Switches,
    account: str,
    work: Callable[[Switch], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Do the request's work with the faults of the address before and after it.

    `work` checks, stores and answers; it is given the switch, for `closed` and the sandbox's own.
    Only an answer below 400 is dropped or spoilt afterwards: a refusal is nothing to lose.
    """
    switch = switches.take(account)
    skew = timedelta(seconds=switch.value) if switch.do == Fault.CLOCK_SKEW else None
    request[_SKEW] = switches.skew(account) if skew is None else skew
    if (instead := _before(request, switch)) is not None:
        return instead
    try:
        answer = await work(switch)
    except ConnectionResetError:
        return drop(request)  # whoever asked is gone
    if switch.do == Fault.SLOW:
        await asyncio.sleep(switch.value)  # this is the fault itself
    if answer.status >= 400:
        return answer
    match switch.do:
        case Fault.DROP_AFTER:
            return drop(request)
        case Fault.WRONG_TYPE:
            return web.Response(
                text="<!doctype html><title>Welcome</title>", content_type="text/html"
            )
        case _:
            return answer


def drop(request: web.Request) -> web.Response:
    """Break the connection; what is returned reaches no one."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _before(request: web.Request, switch: Switch) -> web.Response | None:
    match switch.do:
        case Fault.BUSY:
            wait = {"Retry-After": f"{switch.value:.0f}"}
            return _says(429, "BUSY", wait)
        case Fault.ERROR:
            return _says(500, "BROKEN")
        case Fault.AWAY:
            return _says(503, "AWAY")
        case Fault.DROP_BEFORE:
            return drop(request)
        case _:
            return None


def _says(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {"code": code, "message": "a switch of the sandbox says so"}
    return web.json_response(body, status=status, headers=headers)
