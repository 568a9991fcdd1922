"""The paths of tokens, destinations and submissions."""

import asyncio
import json
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from postfach_fitconnect.assumed import JOSE, REQUEST_ID, DestinationStatus, Problem
from postfach_fitconnect.sandbox.asked import CLIENT, JSON, body_of, check_body, switched, uuid
from postfach_fitconnect.sandbox.fields import Order, Submit
from postfach_fitconnect.sandbox.granting import GrantRefused
from postfach_fitconnect.sandbox.platform import Platform
from postfach_fitconnect.sandbox.records import Record
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_fitconnect.sandbox.switching import EVENTS_CUT, NO_DELETE, Step
from postfach_sandbox.faults import Fault, Switch

UPLOAD_MAX: Final = 150 * 1024 * 1024  # bytes of an attachment, encrypted
_CHUNK: Final = 64 * 1024


class Desk:
    """The paths of tokens, destinations and submissions."""

    def __init__(self, platform: Platform) -> None:
        """Take who is asked."""
        self._platform = platform

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Give a token."""

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            try:
                granted = self._platform.grants.grant(request.content_type, await request.read())
            except GrantRefused as refused:
                return web.json_response({"error": refused.error}, status=refused.status)
            return web.json_response(granted, headers={"Cache-Control": "no-store"})

        return await switched(self._platform, request, Step.TOKEN, "", work)

    async def jwks(self, request: web.Request) -> web.StreamResponse:
        """Show the service's keys."""

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            return web.json_response({"keys": [self._platform.keyring.service.jwk]})

        return await switched(self._platform, request, Step.JWKS, "", work)

    async def destination(self, request: web.Request) -> web.StreamResponse:
        """Show a destination."""
        id_ = uuid(request, "destination")

        async def work(switch: Switch) -> web.StreamResponse:
            found = self._platform.destinations.get(id_)
            if found is None:
                raise Refusal(Problem.DESTINATION_UNKNOWN, "there is no such destination")
            closed = switch.do == Fault.CLOSED
            body: dict[str, Any] = {
                "destinationId": id_,
                "status": DestinationStatus.DECOMMISSIONED if closed else found.status,
                "encryptionKid": self._platform.keyring.encryption(id_).kid,
            }
            if found.services is not None:
                body["services"] = [
                    {
                        "identifier": name,
                        "submissionSchemas": [
                            {"schemaUri": each, "mimeType": JSON} for each in sorted(schemas)
                        ],
                    }
                    for name, schemas in found.services.items()
                ]
            return web.json_response(body)

        return await switched(self._platform, request, Step.DESTINATION, id_, work)

    async def key(self, request: web.Request) -> web.StreamResponse:
        """Show one of a destination's keys."""
        id_, kid = uuid(request, "destination"), request.match_info["kid"]

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            if id_ not in self._platform.destinations:
                raise Refusal(Problem.DESTINATION_UNKNOWN, "there is no such destination")
            ring = self._platform.keyring
            for pair in (ring.encryption(id_), ring.signature(id_)):
                if pair.kid == kid:
                    return web.json_response(pair.jwk)
            raise Refusal(Problem.KEY_UNKNOWN, "the destination has no such key")

        return await switched(self._platform, request, Step.KEY, id_, work)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Create a submission."""
        order = await body_of(request, Order)

        async def work(switch: Switch) -> web.StreamResponse:
            made = await asyncio.to_thread(
                self._platform.submissions.create,
                request[CLIENT],
                order,
                switch,
                request.headers.get(REQUEST_ID),
            )
            body = {
                "submissionId": made.id,
                "caseId": made.case,
                "destinationId": made.destination,
            }
            return web.json_response(body, status=201)

        return await switched(self._platform, request, Step.CREATE, order.destinationId, work)

    async def attachment(self, request: web.Request) -> web.StreamResponse:
        """Take an attachment."""
        record, attachment = self._record(request), uuid(request, "attachment")
        client, submissions = request[CLIENT], self._platform.submissions

        async def work(switch: Switch) -> web.StreamResponse:
            del switch
            submissions.admit(client, record.id, attachment)
            check_body(request, JOSE, UPLOAD_MAX)
            path = self._platform.records.file(record.id, f".{uuid4()}.new")
            try:
                with path.open("xb") as file:
                    async for chunk in request.content.iter_chunked(_CHUNK):
                        file.write(chunk)
                await asyncio.to_thread(submissions.uploaded, client, record.id, attachment, path)
            finally:
                path.unlink(missing_ok=True)
            return web.Response(status=204)

        return await switched(self._platform, request, Step.ATTACHMENT, record.destination, work)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """Submit."""
        record = self._record(request)

        async def work(switch: Switch) -> web.StreamResponse:
            body = await body_of(request, Submit)
            await asyncio.to_thread(
                self._platform.submissions.submit, request[CLIENT], record.id, body, switch
            )
            return web.json_response({}, status=202)

        return await switched(self._platform, request, Step.SUBMIT, record.destination, work)

    async def withdraw(self, request: web.Request) -> web.StreamResponse:
        """Delete what was not submitted."""
        record = self._record(request)

        async def work(switch: Switch) -> web.StreamResponse:
            if switch.do == NO_DELETE:
                raise web.HTTPMethodNotAllowed("DELETE", ["PUT"])
            await asyncio.to_thread(self._platform.submissions.withdraw, request[CLIENT], record.id)
            return web.Response(status=204)

        return await switched(self._platform, request, Step.DELETE, record.destination, work)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Show the event log."""
        record = self._record(request)

        async def work(switch: Switch) -> web.StreamResponse:
            log = await asyncio.to_thread(
                self._platform.submissions.events, request[CLIENT], record.id
            )
            body = {"eventLog": list(log)}
            if switch.do == EVENTS_CUT:
                return await _cut(request, json.dumps(body).encode())
            return web.json_response(body)

        return await switched(self._platform, request, Step.EVENTS, record.destination, work)

    def _record(self, request: web.Request) -> Record:
        id_ = uuid(request, "submission")
        return self._platform.submissions.of(request[CLIENT], id_)


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    """Send half of an answer, and end the connection."""
    head = {"Content-Type": JSON, "Content-Length": str(len(body))}
    answer = web.StreamResponse(headers=head)
    answer.force_close()
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    return answer
