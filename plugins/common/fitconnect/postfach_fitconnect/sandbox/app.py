"""The sandbox over HTTP: its paths, who may call them, answers as problem+json."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from postfach_fitconnect import assumed
from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.sandbox.asked import BODY_MAX, CLIENT
from postfach_fitconnect.sandbox.desk import Desk
from postfach_fitconnect.sandbox.managing import Office
from postfach_fitconnect.sandbox.platform import Platform
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_fitconnect.sandbox.replydesk import ReplyDesk
from postfach_sandbox.ca import Files
from postfach_sandbox.faults import drop
from postfach_sandbox.server import Served, Tls
from postfach_sandbox.server import serving as _serving

TITLE: Final = "Sandbox of FIT-Connect"
TOKEN: Final = "/token"  # noqa: S105  # a path
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(platform: Platform) -> web.Application:
    """Make the application that serves a platform."""
    app = web.Application(middlewares=[_answers, _doors(platform)], client_max_size=BODY_MAX)
    desk, replies, office = Desk(platform), ReplyDesk(platform), Office(platform)
    route = app.router
    route.add_post(TOKEN, desk.token)
    route.add_get(assumed.JWKS, desk.jwks)
    route.add_get(assumed.DESTINATION, desk.destination)
    route.add_get(assumed.KEY, desk.key)
    route.add_post(assumed.SUBMISSIONS, desk.create)
    route.add_put(assumed.ATTACHMENT, desk.attachment)
    route.add_put(assumed.SUBMISSION, desk.submit)
    route.add_delete(assumed.SUBMISSION, desk.withdraw)
    route.add_get(assumed.EVENTS, desk.events)
    route.add_get(assumed.CASE, replies.case)
    route.add_get(assumed.REPLIES, replies.waiting)
    route.add_get(assumed.REPLY, replies.reply)
    route.add_get(assumed.REPLY_ATTACHMENT, replies.document)
    route.add_put(assumed.REPLY_ACKNOWLEDGE, replies.acknowledge)
    route.add_get("/submissions", office.submissions)
    route.add_post("/accept", office.accept)
    route.add_post("/reject", office.reject)
    route.add_post("/reply", office.reply)
    platform.arrivals.equip(app, TITLE)
    platform.switches.equip(app)
    return app


def serving(platform: Platform, files: Files, *, port: int = 0) -> AbstractContextManager[Served]:
    """Serve over TLS in a thread of its own. Clients are known by tokens, not by certificates."""
    return _serving(lambda: make_app(platform), port=port, tls=Tls(certificate=files.server))


@web.middleware
async def _answers(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return _refuse(refusal)
    except ConnectionResetError:
        return drop(request)  # whoever asked is gone
    except web.HTTPNotFound:
        return _refuse(Refusal(Problem.NOT_FOUND, "there is no such path"))
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        text = f"method: {allowed}"
        return _refuse(
            Refusal(Problem.REQUEST_INVALID, text, status=405, headers={"Allow": allowed})
        )
    except web.HTTPRequestEntityTooLarge:
        return _refuse(Refusal(Problem.TOO_LARGE, "the body is too large"))


def _refuse(refusal: Refusal) -> web.Response:
    return web.Response(
        status=refusal.status,
        text=json.dumps(refusal.body),
        content_type="application/problem+json",
        headers=refusal.headers,
    )


def _doors(platform: Platform) -> Middleware:
    @web.middleware
    async def doors(request: web.Request, handler: _Handler) -> web.StreamResponse:
        # The page, the switches and the office are for whoever sits at this machine.
        if request.path.startswith("/v2/"):
            request[CLIENT] = platform.grants.client(request.headers.get("Authorization"))
        return await handler(request)

    return doors
