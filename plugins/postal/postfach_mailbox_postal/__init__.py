"""The post, where no mailbox took a notice: print jobs for a print service, through a folder.

    hub -> <path>/jobs/<key>/   job ticket, cover sheet, documents     -> print service
    hub <- <path>/results/      posted, or undeliverable               <- print service

A relay (`relays` of its capabilities): it gets only notices that have failed, of tenants that name
it in `postal`, and a receipt says `posted` when the job is handed over, `post-result` when the
print service has told what became of it. Folders and files: `folder`; documents: job.xsd.

In hub.toml:

    [tenants.rostock]
    postal = "print"
    [mailboxes.print]
    plugin = "postal"
    [mailboxes.print.config]
    path = "var/print-service"
    sender = "Stadt Musterhausen, Postfach 1, 18055 Musterhausen"

Security: answers hold keys and digests, no names and no addresses, so they may stand in receipts.
"""

import hashlib
from typing import Annotated, Final

from pydantic import Field

from postfach_mailbox import (
    Acknowledged,
    Capabilities,
    Collected,
    Deferred,
    Delivery,
    DeliveryDocument,
    Health,
    HubPath,
    Outcome,
    Reason,
    RefusalCode,
    Refused,
    Repeat,
    Settings,
    Unknown,
    hookimpl,
)
from postfach_mailbox.cipher import CHUNK, Damaged
from postfach_mailbox_postal import cover, folder, results, ticket
from postfach_mailbox_postal.ticket import Printed

PDF: Final = "application/pdf"
COVER: Final = "00-cover.pdf"
TICKET: Final = "job.xml"
LINES_MOST: Final = 6  # that show in the window, DIN 5008
EVERY_SIZE: Final = 2**50  # bytes: the file system says what it takes


class PostalMailbox:
    """One print service's folder."""

    class Config(Settings):
        """The table of the relay in hub.toml."""

        path: HubPath
        """The folder; it and its marker `.print-service` are made by the operator."""
        sender: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
        """The line above the address in the envelope's window: where undeliverable letters go."""

    def __init__(self, config: Config) -> None:
        """Take the settings; touches no file."""
        self._root = config.path
        self._sender = config.sender

    def capabilities(self) -> Capabilities:
        """Return what a print service takes: letters of PDF, of any size."""
        return Capabilities(
            contract="1.2",
            scheme="postal",
            address_pattern=r"[!-~]{1,255}",
            legal_bases=frozenset(
                {"OZG9", "AO122A", "SGBX37_2A", "VWVFG41_2", "VWVFG41_2A", "NONE"}
            ),
            assurance_level="high",
            max_file=EVERY_SIZE,
            max_total=EVERY_SIZE,
            max_count=100,
            media_types=(PDF,),
            repeat=Repeat.IDEMPOTENT,
            return_channel=True,
            relays=True,
        )

    def deposit(self, delivery: Delivery) -> Outcome:
        """Hand over a print job; Deferred while the folder, or room in it, is away."""
        if (unfit := _unfit(delivery)) is not None:
            return unfit
        try:
            with folder.opened(self._root, delivery.key, delivery.deadline) as places:
                if (earlier := folder.earlier(places, delivery.key)) is not None:
                    return earlier
                answer = self._make(places, delivery)
                return folder.decide(places, delivery.key, answer)
        except folder.Decided as error:
            return Unknown(reason=Reason(code="HANDED_OVER", text=f"not confirmed: {error}"))
        except Damaged:
            return Deferred(reason=Reason(code="PAYLOAD_DAMAGED", text="stored content is damaged"))
        except OSError as error:  # nothing was handed over
            text = f"the print service's folder: {error.strerror or 'not to be written'}"
            return Deferred(reason=Reason(code="FOLDER_AWAY", text=text))

    def health(self) -> Health:
        """Say whether the folder's marker is there, and whether results were set aside."""
        if not (self._root / folder.MARKER).exists():
            return Health(status="down", text=f"no file {folder.MARKER} in the folder")
        if count := results.refused(self._root):
            text = f"{count} files in {results.RESULTS}/{results.REFUSED} are no results"
            return Health(status="degraded", text=text)
        return Health(status="up")

    def collect(self) -> Collected:
        """Return what became of letters; OSError where the folder is away."""
        (self._root / folder.MARKER).stat()
        return Collected(items=results.offered(self._root))

    def acknowledge(self, item: str) -> Acknowledged:
        """Take note that a result is stored."""
        (self._root / folder.MARKER).stat()
        results.take(self._root, item)
        return Acknowledged()

    def _make(self, places: folder.Places, delivery: Delivery) -> dict[str, object]:
        """Write the letter aside, and return its answer. Raises OSError, Damaged."""
        notice, at = delivery.notice, folder.now()
        enclosed = tuple(
            each.facts.filename for each in delivery.documents if each.facts.role == "attachment"
        )
        sheet = cover.render(notice, self._sender, enclosed)
        with folder.making(places, delivery.key) as into:
            files = [Printed.of(COVER, PDF, sheet)]
            with folder.new_file(into, COVER) as file:
                file.write(sheet)
            for number, document in enumerate(delivery.documents, start=1):
                files.append(_copy(into, f"{number:02d}.pdf", document))
            told = ticket.render(delivery.key, notice, tuple(files), at)
            with folder.new_file(into, TICKET) as file:
                file.write(told)
        return {
            "files": [{"sha256": each.sha256, "size": each.size} for each in files],
            "handed_at": at.isoformat(),
            "job_sha256": hashlib.sha256(told).hexdigest(),
            "key": delivery.key,
        }


def _unfit(delivery: Delivery) -> Refused | None:
    """Return why a notice can never be posted; None where it can."""
    lines = delivery.notice.postal_address
    if not lines:
        text = "the notice has no postal address"
    elif len(lines) > LINES_MOST:
        text = f"{len(lines)} lines of address; a window shows {LINES_MOST}"
    elif any(_media_type(each) != PDF for each in delivery.documents):
        reason = Reason(code=RefusalCode.TYPE_REFUSED.value, text="only PDF can be printed")
        return Refused(reason=reason)
    else:
        return None
    return Refused(reason=Reason(code=RefusalCode.CONTENT_INVALID.value, text=text))


def _media_type(document: DeliveryDocument) -> str:
    return document.facts.content_type.partition(";")[0].strip().lower()


def _copy(into: int, name: str, document: DeliveryDocument) -> Printed:
    """Write a document; raises Damaged where it is not the announced one, OSError."""
    digest, size = hashlib.sha256(), 0
    with document.open() as stream, folder.new_file(into, name) as file:
        while piece := stream.read(CHUNK):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    if (digest.hexdigest(), size) != (document.facts.sha256, document.facts.size):
        raise Damaged("a document is not the announced one")
    return Printed(file=name, content_type=PDF, size=size, sha256=digest.hexdigest())


@hookimpl
def postfach_mailbox() -> type:
    """Return the relay's class."""
    return PostalMailbox
