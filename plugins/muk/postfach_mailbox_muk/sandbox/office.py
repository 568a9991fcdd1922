"""What whoever sits at the sandbox may do beside the switches, over HTTP.

GET  /orders                                       what there is, and how far it is
POST /deposit?order=ID                             the mailbox has it now, or refuses it now
POST /refuse?order=ID&reason=CODE                  it is refused now
POST /reply?order=ID&subject=TEXT&filename=NAME    the company replies; the body is a document
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from postfach_mailbox_muk.assumed import Code
from postfach_mailbox_muk.sandbox.records import Record
from postfach_mailbox_muk.sandbox.service import Handed, Service, settle


class Office:
    """These paths."""

    def __init__(self, service: Service) -> None:
        """Take who does it."""
        self._service = service

    def equip(self, app: web.Application) -> None:
        """Add the paths to a sandbox."""
        app.router.add_get("/orders", self._orders)
        app.router.add_post("/deposit", self._deposit)
        app.router.add_post("/refuse", self._refuse)
        app.router.add_post("/reply", self._reply)

    async def _orders(self, request: web.Request) -> web.Response:
        del request
        await asyncio.to_thread(settle, self._service)
        return web.json_response([_told(each) for each in self._service.orders.all()])

    async def _deposit(self, request: web.Request) -> web.Response:
        id_ = request.query.get("order", "")
        return await _done(lambda: _told(self._service.deposit(id_)))

    async def _refuse(self, request: web.Request) -> web.Response:
        id_, reason = request.query.get("order", ""), request.query.get("reason", "")
        return await _done(lambda: _told(self._service.refuse(id_, reason or Code.ACCOUNT_DELETED)))

    async def _reply(self, request: web.Request) -> web.Response:
        wish, data = request.query, await request.read()
        name = wish.get("filename", "reply.pdf")
        documents = [Handed(filename=name, content_type="application/pdf", data=data)]

        def work() -> dict[str, str]:
            made = self._service.reply(
                wish.get("order", ""),
                wish.get("subject", "Antwort"),
                wish.get("text"),
                documents if data else (),
            )
            return {"reply": made.id}

        return await _done(work)


async def _done(work: Callable[[], dict[str, str]]) -> web.Response:
    try:
        return web.json_response(await asyncio.to_thread(work))
    except KeyError:
        return web.json_response({"error": "order: there is no such one"}, status=404)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=422)


def _told(record: Record) -> dict[str, str]:
    return {
        "order": record.id,
        "recipient": record.order.recipient,
        "state": record.state,
        "reason": record.reason or "",
    }
