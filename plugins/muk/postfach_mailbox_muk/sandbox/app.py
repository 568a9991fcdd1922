"""The sandbox over HTTP: its paths, who may call them, and answers in JSON."""

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote
from uuid import uuid4

from aiohttp import web
from aiohttp.typedefs import Middleware

from postfach_mailbox_muk.assumed import (
    DOCUMENT,
    FILE_BYTES_MAX,
    FILE_ID,
    FILE_NAME,
    ORDER,
    ORDER_BYTES_MAX,
    ORDER_ID,
    ORDERS,
    REPLIES,
    REPLY,
    REQUEST_ID,
    UPLOAD,
    Code,
    State,
)
from postfach_mailbox_muk.sandbox.fields import Order, filename
from postfach_mailbox_muk.sandbox.office import Office
from postfach_mailbox_muk.sandbox.records import Record, Reply
from postfach_mailbox_muk.sandbox.refusing import Refusal
from postfach_mailbox_muk.sandbox.service import Service
from postfach_sandbox.answering import General, Handler, answers
from postfach_sandbox.ca import Files
from postfach_sandbox.faults import Switch, acted
from postfach_sandbox.issuing import common_name
from postfach_sandbox.server import Demand, Served, Tls, peer
from postfach_sandbox.server import serving as _serving

TITLE: Final = "Sandbox of ELSTER-Transfer and the companies' mailboxes"
JSON: Final = "application/json"
MOST_REPLIES: Final = 100
_CHUNK: Final = 64 * 1024
_CLIENT: Final = web.RequestKey("client", str)


def make_app(service: Service) -> web.Application:
    """Make the application that serves a service."""
    app = web.Application(
        middlewares=[answers(_refusal), _doors(service)], client_max_size=ORDER_BYTES_MAX + 1
    )
    desk = _Desk(service)
    app.router.add_post(UPLOAD, desk.upload)
    app.router.add_post(ORDERS, desk.order)
    app.router.add_get(ORDER, desk.state)
    app.router.add_get(REPLIES, desk.replies)
    app.router.add_get(DOCUMENT, desk.document)
    app.router.add_delete(REPLY, desk.take)
    Office(service).equip(app)
    service.mailboxes.arrivals.equip(app, TITLE)
    service.switches.equip(app)
    return app


def serving(
    service: Service, files: Files, *, port: int = 0, client: Demand = "optional"
) -> AbstractContextManager[Served]:
    """Serve over TLS in a thread of its own; `client` as in postfach_sandbox.server.Tls."""
    tls = Tls(certificate=files.server, ca=files.ca, client=client)
    return _serving(lambda: make_app(service), port=port, tls=tls)


def _refusal(what: General, text: str) -> Refusal:
    codes = {
        "not-found": Code.NOT_FOUND,
        "not-allowed": Code.REQUEST_INVALID,
        "too-large": Code.TOO_LARGE,
    }
    return Refusal(codes[what], text)


def _doors(service: Service) -> Middleware:
    @web.middleware
    async def doors(request: web.Request, handler: Handler) -> web.StreamResponse:
        # The page, the switches and the office are for whoever sits at this machine.
        if request.path.startswith("/rest/"):
            shown = peer(request)
            name = common_name(shown) if shown is not None else None
            if name is None or name not in service.senders:
                raise Refusal(Code.CLIENT_REFUSED, "a certificate that is known is wanted")
            request[_CLIENT] = name
        return await handler(request)

    return doors


class _Desk:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take a document."""

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            name = _name(request)
            _length(request, FILE_BYTES_MAX)
            path = self._service.uploads.file(f".{uuid4()}", ".new")
            try:
                with path.open("xb") as file:
                    async for chunk in request.content.iter_chunked(_CHUNK):
                        file.write(chunk)
                kept = await asyncio.to_thread(
                    self._service.keep_upload, request[_CLIENT], name, request.content_type, path
                )
            finally:
                path.unlink(missing_ok=True)
            return web.json_response({FILE_ID: kept.id}, status=201)

        return await acted(request, self._service.switches, "upload", work)

    async def order(self, request: web.Request) -> web.StreamResponse:
        """Take an order."""
        if request.content_type != JSON:
            raise Refusal(Code.TYPE_REFUSED, f"Content-Type: {JSON} is wanted")
        _length(request, ORDER_BYTES_MAX)
        order = Order.read(await request.read())

        async def work(switch: Switch) -> web.StreamResponse:
            record = await asyncio.to_thread(
                self._service.take,
                request[_CLIENT],
                order,
                request.headers.get(REQUEST_ID),
                switch,
            )
            body = {ORDER_ID: record.id, "state": State.TAKEN}
            return web.json_response(body, status=202)

        return await acted(request, self._service.switches, order.recipient, work)

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Show what became of an order."""

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            id_ = request.match_info["order"]
            record = await asyncio.to_thread(self._service.find, request[_CLIENT], id_)
            return web.json_response(_shown(record))

        return await acted(request, self._service.switches, "state", work)

    async def replies(self, request: web.Request) -> web.StreamResponse:
        """List replies that were not taken."""

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            limit = request.query.get("limit", str(MOST_REPLIES))
            if not limit.isdigit() or not 0 < int(limit) <= MOST_REPLIES:
                raise Refusal(Code.REQUEST_INVALID, f"limit: 1 to {MOST_REPLIES}")
            found = [_reply(each) for each in self._waiting(request)]
            return web.json_response({"replies": found[: int(limit)]})

        return await acted(request, self._service.switches, "replies", work)

    async def document(self, request: web.Request) -> web.StreamResponse:
        """Give a document of a reply."""

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            reply, number = self._reply(request), request.match_info["number"]
            if not number.isdigit() or int(number) >= len(reply.documents):
                raise Refusal(Code.REPLY_UNKNOWN, "the reply has no such document")
            listed = reply.documents[int(number)]
            data = self._service.replies.file(reply.id, f"-{int(number)}").read_bytes()
            return web.Response(body=data, content_type=str(listed["contentType"]))

        return await acted(request, self._service.switches, "document", work)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Offer a reply no more."""

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            reply = self._reply(request)
            self._service.replies.put(reply.model_copy(update={"taken": True}))
            return web.Response(status=204)

        return await acted(request, self._service.switches, "take", work)

    def _waiting(self, request: web.Request) -> list[Reply]:
        found = self._service.replies.all()
        return [each for each in found if each.client == request[_CLIENT] and not each.taken]

    def _reply(self, request: web.Request) -> Reply:
        found = self._service.replies.get(request.match_info["reply"])
        if found is None or found.client != request[_CLIENT]:
            raise Refusal(Code.REPLY_UNKNOWN, "there is no such reply")
        return found


def _name(request: web.Request) -> str:
    try:
        return filename(unquote(request.headers.get(FILE_NAME, ""), errors="strict"))
    except ValueError:
        text = f"{FILE_NAME}: a plain file name is wanted, in UTF-8 and percent-encoded"
        raise Refusal(Code.REQUEST_INVALID, text) from None


def _length(request: web.Request, most: int) -> None:
    if request.content_length is None:
        raise Refusal(Code.REQUEST_INVALID, "Content-Length is wanted")
    if request.content_length > most:
        raise Refusal(Code.TOO_LARGE, f"more than {most} bytes")


def _shown(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {
        ORDER_ID: record.id,
        "state": record.state,
        "at": datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds"),
    }
    return found if record.state is not State.REFUSED else {**found, "reason": record.reason}


def _reply(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = {
        "replyId": reply.id,
        "senderReference": reply.reference,
        "at": datetime.fromtimestamp(reply.at, UTC).isoformat(timespec="milliseconds"),
        "subject": reply.subject,
        "documents": list(reply.documents),
    }
    return found if reply.text is None else {**found, "text": reply.text}
