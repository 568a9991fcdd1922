"""What whoever sits at the sandbox may do beside the switches, over HTTP and without a token.

GET  /submissions                                    what there is, and how far it is
POST /accept?submission=ID                           the destination accepts it now
POST /reject?submission=ID&problem=NAME              it rejects it now
POST /reply?submission=ID&subject=TEXT&filename=NAME it replies; the body is a document
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from postfach_fitconnect.sandbox.platform import Platform
from postfach_fitconnect.sandbox.receiving import Handed
from postfach_fitconnect.sandbox.records import Record


class Office:
    """These paths."""

    def __init__(self, platform: Platform) -> None:
        """Take who does it."""
        self._platform = platform

    async def submissions(self, request: web.Request) -> web.Response:
        """List submissions, after what is due was done."""
        del request
        await asyncio.to_thread(self._platform.settle)
        return web.json_response([_shown(each) for each in self._platform.records.all()])

    async def accept(self, request: web.Request) -> web.Response:
        """Accept."""
        id_ = request.query.get("submission", "").lower()
        return await _done(lambda: _shown(self._platform.decider.accept(id_)))

    async def reject(self, request: web.Request) -> web.Response:
        """Reject."""
        id_ = request.query.get("submission", "").lower()
        slug = request.query.get("problem", "technical-error")
        return await _done(lambda: _shown(self._platform.decider.reject(id_, slug)))

    async def reply(self, request: web.Request) -> web.Response:
        """Reply: the text as data, the body, where there is one, as a document."""
        asked, document = request.query, await request.read()
        id_, name = asked.get("submission", "").lower(), asked.get("filename", "antwort.txt")
        files = [Handed(filename=name, content_type=request.content_type, data=document)]
        data = json.dumps({"text": asked.get("text", "")}).encode()

        def send() -> dict[str, Any]:
            made = self._platform.replies.send(
                id_, data, files if document else (), asked.get("subject")
            )
            return {"reply": made.id, "case": made.case}

        return await _done(send)


async def _done(work: Callable[[], dict[str, Any]]) -> web.Response:
    try:
        return web.json_response(await asyncio.to_thread(work))
    except KeyError:
        return web.json_response({"error": "submission: there is none"}, status=404)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=422)


def _shown(record: Record) -> dict[str, Any]:
    return {
        "submission": record.id,
        "case": record.case,
        "destination": record.destination,
        "client": record.client,
        "state": record.state,
        "arrival": record.arrival,
        "problems": [each.body for each in record.findings],
    }
