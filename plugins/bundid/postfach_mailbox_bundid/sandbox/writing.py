"""The e-mails that the service writes when a recipient reads a message, or answers it.

POST /read?message=ID                              the recipient opens it; ID: of the arrival
POST /reply?message=ID&text=TEXT&filename=NAME     the recipient answers; the body is a document

Each is written into the folder of `--mail` as a file `*.eml`, as if a mail server had put it there.
How the real ones read is not public: the plugin goes by the address alone.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

from aiohttp import web

from postfach_sandbox.arrivals import Arrival, Arrivals

FROM = "Zentrales Postfach <postfach@id.bund.example>"


class Writing:
    """These paths, for one folder of e-mails."""

    def __init__(self, folder: Path, arrivals: Arrivals) -> None:
        """Make the folder, with the marker by which a reader knows that it is there."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".mail").touch()
        self._folder, self._arrivals = folder, arrivals

    def equip(self, app: web.Application) -> None:
        """Add the paths to a sandbox."""
        app.router.add_post("/read", self._read)
        app.router.add_post("/reply", self._reply)

    async def _read(self, request: web.Request) -> web.Response:
        def write(arrival: Arrival) -> EmailMessage:
            return _mail(arrival, "retrieval_address", "Ihre Nachricht wurde gelesen")

        return self._done(request, write)

    async def _reply(self, request: web.Request) -> web.Response:
        wish, data = request.query, await request.read()

        def write(arrival: Arrival) -> EmailMessage:
            made = _mail(arrival, "reply_address", f"AW: {arrival.facts['title']}")
            made.set_content(wish.get("text", "Anbei."))
            if data:
                name = wish.get("filename", "antwort.pdf")
                made.add_attachment(data, maintype="application", subtype="pdf", filename=name)
            return made

        return self._done(request, write)

    def _done(self, request: web.Request, write: Callable[[Arrival], EmailMessage]) -> web.Response:
        wanted = request.query.get("message", "")
        arrival = next((each for each in self._arrivals.all() if each.id == wanted), None)
        if arrival is None or arrival.facts["kind"] != "message":
            return web.json_response({"error": "message: there is no such one"}, status=404)
        try:
            made = write(arrival)
        except LookupError as error:
            return web.json_response({"error": str(error)}, status=422)
        name = str(uuid.uuid4())
        aside = self._folder / f"{name}.new"
        aside.write_bytes(made.as_bytes())
        aside.rename(self._folder / f"{name}.eml")
        return web.json_response({"file": f"{name}.eml"})


def _mail(arrival: Arrival, address: str, subject: str) -> EmailMessage:
    to = arrival.facts.get(address)
    if not to:
        raise LookupError(f"the message names no {address}")
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = FROM, to, subject
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = make_msgid(domain="id.bund.example")
    made.set_content(f"Die Nachricht {arrival.facts['id']} wurde gelesen.")
    return made
