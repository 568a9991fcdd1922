"""The paths of cases and replies."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from postfach_fitconnect.assumed import JOSE, Problem
from postfach_fitconnect.sandbox.asked import CLIENT, switched, uuid
from postfach_fitconnect.sandbox.platform import Platform
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_fitconnect.sandbox.replying import LIMIT
from postfach_fitconnect.sandbox.switching import Step
from postfach_sandbox.faults import Switch


class ReplyDesk:
    """The paths of cases and replies."""

    def __init__(self, platform: Platform) -> None:
        """Take who is asked."""
        self._platform = platform

    async def case(self, request: web.Request) -> web.StreamResponse:
        """Show a case."""
        found = self._platform.cases.of(request[CLIENT], uuid(request, "case"))
        body = {
            "caseId": found.id,
            "destinationId": found.destination,
            "submissions": [{"submissionId": each} for each in found.submissions],
        }
        return await self._answer(request, Step.CASE, found.destination, lambda: body)

    async def waiting(self, request: web.Request) -> web.StreamResponse:
        """List replies."""
        text = request.query.get("limit", str(LIMIT))
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= LIMIT:
            raise Refusal(Problem.REQUEST_INVALID, f"limit: 1 to {LIMIT}")
        replies, client = self._platform.replies, request[CLIENT]
        return await self._answer(
            request, Step.REPLIES, "", lambda: {"replies": replies.waiting(client, int(text))}
        )

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """Show a reply."""
        replies, client, id_ = self._platform.replies, request[CLIENT], uuid(request, "reply")
        destination = replies.of(client, id_).destination
        return await self._answer(
            request, Step.REPLY, destination, lambda: replies.body(client, id_)
        )

    async def document(self, request: web.Request) -> web.StreamResponse:
        """Give an attachment of a reply."""
        replies, client, id_ = self._platform.replies, request[CLIENT], uuid(request, "reply")
        attachment = uuid(request, "attachment")

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            data = replies.document(client, id_, attachment)
            return web.Response(body=data, content_type=JOSE)

        destination = replies.of(client, id_).destination
        return await switched(self._platform, request, Step.REPLY_ATTACHMENT, destination, work)

    async def acknowledge(self, request: web.Request) -> web.StreamResponse:
        """Offer a reply no more."""
        replies, client, id_ = self._platform.replies, request[CLIENT], uuid(request, "reply")

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            await asyncio.to_thread(replies.acknowledge, client, id_)
            return web.Response(status=204)

        destination = replies.of(client, id_).destination
        return await switched(self._platform, request, Step.ACKNOWLEDGE, destination, work)

    async def _answer(
        self, request: web.Request, step: Step, destination: str, body: Callable[[], object]
    ) -> web.StreamResponse:
        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            return web.json_response(body())

        return await switched(self._platform, request, step, destination, work)
