"""The sandbox over HTTP: its paths, who may call them, answers as problem+json."""

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
from postfach_sandbox.answering import General, Handler, answers
from postfach_sandbox.ca import Files
from postfach_sandbox.server import Served, Tls
from postfach_sandbox.server import serving as _serving

TITLE: Final = "Sandbox of FIT-Connect"
TOKEN: Final = "/token"  # noqa: S105  # a path


def make_app(platform: Platform) -> web.Application:
    """Make the application that serves a platform."""
    app = web.Application(
        middlewares=[answers(_refusal), _doors(platform)], client_max_size=BODY_MAX
    )
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


def _refusal(what: General, text: str) -> Refusal:
    problems = {
        "not-found": Problem.NOT_FOUND,
        "not-allowed": Problem.REQUEST_INVALID,
        "too-large": Problem.TOO_LARGE,
    }
    return Refusal(problems[what], text)


def _doors(platform: Platform) -> Middleware:
    @web.middleware
    async def doors(request: web.Request, handler: Handler) -> web.StreamResponse:
        # The page, the switches and the office are for whoever sits at this machine.
        if request.path.startswith("/v2/"):
            request[CLIENT] = platform.grants.client(request.headers.get("Authorization"))
        return await handler(request)

    return doors
