"""How a sandbox says no over HTTP: refusals are raised anywhere, and become answers in one place.

A sandbox derives its own Refusal from Refused, with its codes and the form of its body, and serves
with `answers` as its first middleware.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from aiohttp import web
from aiohttp.typedefs import Middleware

from postfach_sandbox.faults import drop

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
General = Literal["not-found", "not-allowed", "too-large"]
"""What each server must be able to say: no such path, no such method there, too large a body."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Refused(Exception):
    """A request is not what it must be.

    status: HTTP; body: JSON, which holds nothing of what was sent but names of fields and numbers
    """

    media_type = "application/json"

    def __init__(
        self,
        status: int,
        body: Mapping[str, object],
        text: str,
        *,
        headers: Mapping[str, str] = _NONE,
    ) -> None:
        super().__init__(text)
        self.status, self.body, self.text = status, dict(body), text
        self.headers = dict(headers)


def answers(refusal: Callable[[General, str], Refused]) -> Middleware:
    """Return what turns refusals into answers; `refusal` makes those that each server needs."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return _answer(refused)
        except ConnectionResetError:
            return drop(request)  # whoever asked is gone
        except web.HTTPNotFound:
            return _answer(refusal("not-found", "there is no such path"))
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            said = refusal("not-allowed", f"method: {allowed}")
            said.status, said.headers["Allow"] = error.status, allowed
            return _answer(said)
        except web.HTTPRequestEntityTooLarge:
            return _answer(refusal("too-large", "the body is too large"))

    return middleware


def _answer(refused: Refused) -> web.Response:
    return web.Response(
        status=refused.status,
        text=json.dumps(refused.body),
        content_type=refused.media_type,
        headers=refused.headers,
    )


def json_object(data: bytes) -> dict[str, Any]:
    """Return the object that bytes are: JSON in UTF-8, no name twice. Raises ValueError."""
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=once_each)
    except (ValueError, RecursionError) as error:
        raise ValueError("JSON in UTF-8, each name once in an object, is wanted") from error
    if not isinstance(found, dict):
        raise ValueError("a JSON object is wanted")  # noqa: TRY004  # of what was sent
    return found


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members. Raises ValueError: two readers might take two values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
