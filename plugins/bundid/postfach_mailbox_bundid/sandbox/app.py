"""The sandbox over HTTP: its paths, who may call them, and answers in JSON."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from postfach_mailbox_bundid.assumed import (
    ENVELOPE_BYTES_MAX,
    MESSAGES,
    REQUEST_ID,
    STATES,
    Code,
)
from postfach_mailbox_bundid.sandbox.content import Message, State
from postfach_mailbox_bundid.sandbox.envelope import Envelope
from postfach_mailbox_bundid.sandbox.parts import Body
from postfach_mailbox_bundid.sandbox.refusing import Refusal
from postfach_mailbox_bundid.sandbox.sender import Sender
from postfach_mailbox_bundid.sandbox.service import Origin, Service
from postfach_mailbox_bundid.sandbox.upload import Upload
from postfach_mailbox_bundid.sandbox.writing import Writing
from postfach_sandbox.answering import General, Handler, answers
from postfach_sandbox.ca import Files
from postfach_sandbox.faults import Switch, acted
from postfach_sandbox.server import Demand, Served, Tls, peer
from postfach_sandbox.server import serving as _serving

TITLE: Final = "Sandbox of the citizen's mailbox"
_SENDER: Final = web.RequestKey("sender", Sender)


def make_app(service: Service, mail: Path | None = None) -> web.Application:
    """Make the application that serves a service; `mail`: where it writes e-mails."""
    app = web.Application(middlewares=[answers(_refusal), _doors(service)])
    desk = _Desk(service)
    app.router.add_put(MESSAGES, desk.message)
    app.router.add_post(STATES, desk.state)
    service.arrivals.equip(app, TITLE)
    service.switches.equip(app)
    if mail is not None:
        Writing(mail, service.arrivals).equip(app)
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
        # The page and the switches are for whoever sits at this machine.
        if request.path.startswith("/v6/"):
            sender = Sender.of(peer(request), service.senders)
            sender.check_header(request.headers.get("Authorization"), service.switches.now())
            request[_SENDER] = sender
        return await handler(request)

    return doors


class _Desk:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def message(self, request: web.Request) -> web.StreamResponse:
        """Take a message: the envelope first, then the files."""
        body, sender = Body.of(request), request[_SENDER]
        part = await body.next("json")
        if part is None or part.content_type not in ("", "application/json"):
            raise Refusal(Code.REQUEST_INVALID, "part json: application/json is wanted")
        envelope = Envelope.read(await body.whole(ENVELOPE_BYTES_MAX), bridged=False)
        envelope.check(sender)
        message = Message.read(envelope.content)

        async def work(switch: Switch) -> web.StreamResponse:
            self._service.admit(message, switch)
            with self._service.arrivals.begin() as incoming:
                upload = Upload(message.attachments, incoming)
                try:
                    await _take_files(body, upload)
                finally:
                    upload.close()
                taken = self._service.keep(
                    message, envelope, sender, upload, incoming, origin=_origin(request)
                )
            return web.json_response(taken.body)

        return await acted(request, self._service.switches, message.mailboxUuid, work)

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Take the state of an application."""
        if request.content_length is None:
            raise Refusal(Code.REQUEST_INVALID, "Content-Length is wanted")
        if request.content_type != "application/json":
            raise Refusal(Code.TYPE_REFUSED, "Content-Type: application/json is wanted")
        if request.content_length > ENVELOPE_BYTES_MAX:
            raise Refusal(Code.TOO_LARGE, f"envelope: more than {ENVELOPE_BYTES_MAX} bytes")
        sender = request[_SENDER]
        data = await request.content.read(-1)
        envelope = Envelope.read(data, bridged=False)
        envelope.check(sender)
        state = State.read(envelope.content)

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            taken = self._service.set_state(state, envelope, sender, _origin(request))
            return web.json_response(taken.body)

        return await acted(request, self._service.switches, state.applicationId, work)


def _origin(request: web.Request) -> Origin:
    return Origin(request=request.headers.get(REQUEST_ID))


async def _take_files(body: Body, upload: Upload) -> None:
    while (part := await body.next("files")) is not None:
        upload.begin(part.filename, part.content_type)
        async for piece in body.pieces():
            upload.feed(piece)
        upload.end(part.content_type)
    upload.finish()
