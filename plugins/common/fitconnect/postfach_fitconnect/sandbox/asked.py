"""A request, as the paths of the API read it: its ids, its body, its switches."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import UUID

from aiohttp import web

from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.sandbox.fields import NotFit, NotJson, Order, Submit, read
from postfach_fitconnect.sandbox.platform import Platform
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_fitconnect.sandbox.switching import Step
from postfach_sandbox.faults import Switch, acted

CLIENT: Final = web.RequestKey("client", str)
BODY_MAX: Final = 16 * 1024 * 1024  # bytes of all but attachments
JSON: Final = "application/json"
_SWITCHED: Final = {429: Problem.BUSY, 500: Problem.BROKEN, 503: Problem.AWAY}
Work = Callable[[Switch], Awaitable[web.StreamResponse]]
_MODEL = TypeVar("_MODEL", Order, Submit)


async def switched(
    platform: Platform, request: web.Request, step: Step, destination: str, work: Work
) -> web.StreamResponse:
    """Do a request's work with the faults of its destination and step."""
    answer = await acted(request, platform.switches, f"{destination}/{step}", work)
    problem = _SWITCHED.get(answer.status)  # nothing but a switch answers so
    if problem is None:
        return answer
    wait = {each: answer.headers[each] for each in ("Retry-After",) if each in answer.headers}
    raise Refusal(problem, "a switch of the sandbox says so", headers=wait)


def uuid(request: web.Request, name: str) -> str:
    """Return a part of the path that is an id. Raises Refusal."""
    try:
        return str(UUID(request.match_info[name]))
    except ValueError:
        raise Refusal(Problem.REQUEST_INVALID, f"{name}: a UUID is wanted") from None


def check_body(request: web.Request, content_type: str, most: int) -> None:
    """Check what a request says of its body. Raises Refusal."""
    if request.content_length is None:
        raise Refusal(Problem.REQUEST_INVALID, "Content-Length is wanted")
    if request.content_type != content_type:
        raise Refusal(Problem.TYPE_UNSUPPORTED, f"Content-Type: {content_type} is wanted")
    if request.content_length > most:
        raise Refusal(Problem.TOO_LARGE, f"more than {most} bytes")


async def body_of(request: web.Request, model: type[_MODEL]) -> _MODEL:
    """Return a request's JSON. Raises Refusal."""
    check_body(request, JSON, BODY_MAX)
    try:
        return read(model, await request.read())
    except (NotJson, NotFit) as error:
        raise Refusal(Problem.REQUEST_INVALID, str(error)) from error
