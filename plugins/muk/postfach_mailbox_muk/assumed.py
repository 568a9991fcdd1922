"""What is assumed of ELSTER-Transfer where it is not public: the one home of it.

Known are three paths (below, the first of each group), that the gateway runs with the authority
itself, that it takes an order before the mailbox has it, and that a pseudonym belongs to one
service provider and begins with `du-`. Fields, states and errors are not known. What stands here
is used by the plugin, which reads answers, and by the sandbox, which gives them: a real value that
becomes known is put here, and both follow.

The gateway lets in who shows a certificate that it knows (403 else). An error's body is `{"code":
"...", "message": "..."}`.

Upload: `POST` of a document's bytes, with Content-Type, Content-Length and `X-File-Name` (UTF-8,
percent-encoded); answered 201 with `{"fileId": "<uuid>"}`. What no order names is deleted some day.

Order: `POST` of JSON with `orderId` (a UUID that the sender chose), `senderReference` (1 to 100
characters, which come back with replies), `recipient` (the pseudonym),
`level` (1 low, 2 substantial), `sender`, `subject`, `text`, `service`, `caseReference`,
`mayReply`, `documents` [{`fileId`, `filename`, `contentType`, `size`, `sha256`}]; what is not there
is left out. Answered 202 with `{"orderId", "state"}`. An `orderId` that is known is answered 409
with ORDER_KNOWN, whatever else the order says: the first one counts.

What became of it: `GET` of the order, `{"orderId", "state", "at" (ISO 8601 with zone), "reason"}`;
`state` TAKEN, WORKING, DEPOSITED or REFUSED, `at` of that state, `reason` only where it is REFUSED.
The last two never change. 404 with ORDER_UNKNOWN: the gateway does not know it.

Replies: `GET` is answered with `{"replies": [{"replyId", "senderReference", "at", "subject",
"text", "documents": [{"filename", "contentType", "size", "sha256"}]}]}`, oldest first, those that
were not taken; `GET .../{reply}/documents/{number}` with a document's bytes, from 0;
`DELETE .../{reply}` with 204, and with 204 or 404 when repeated: it is taken.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

UPLOAD: Final = "/rest/bereitstellungsauftrag/file-upload"
ORDERS: Final = "/rest/bereitstellungsauftrag/v3"
ORDER: Final = "/rest/bereitstellungsauftrag/v3/{order}"
REPLIES: Final = "/rest/eingang/antworten"
REPLY: Final = "/rest/eingang/antworten/{reply}"
DOCUMENT: Final = "/rest/eingang/antworten/{reply}/documents/{number}"

FILE_NAME: Final = "X-File-Name"
REQUEST_ID: Final = "X-Request-ID"  # holds the hub's key, by which a person asks
CODE: Final = "code"
MESSAGE: Final = "message"
FILE_ID: Final = "fileId"
ORDER_ID: Final = "orderId"

PSEUDONYM: Final = "du-[A-Za-z0-9-]{8,120}"
# An order that the gateway does not know may still be under way to it, for so many seconds.
QUIET: Final = 600

SUBJECT_MAX: Final = 255
SENDER_MAX: Final = 255
SERVICE_MAX: Final = 255
REFERENCE_MAX: Final = 255
SENDER_REFERENCE_MAX: Final = 100
TEXT_MAX: Final = 10_000  # characters
FILE_BYTES_MAX: Final = 20 * 1024 * 1024
FILES_BYTES_MAX: Final = 100 * 1024 * 1024
FILES_MAX: Final = 50
FILENAME_MAX: Final = 255
ORDER_BYTES_MAX: Final = 256 * 1024
MEDIA_TYPES: Final = (
    "application/pdf",
    "application/xml",
    "text/xml",
    "text/plain",
    "image/jpeg",
    "image/png",
    "image/tiff",
)
# Assurance of the accounts: ELSTER certificates are substantial at most.
LEVELS: Final[Mapping[str, int]] = MappingProxyType({"low": 1, "substantial": 2})


class State(StrEnum):
    """How far an order is."""

    TAKEN = "TAKEN"
    WORKING = "WORKING"
    DEPOSITED = "DEPOSITED"
    REFUSED = "REFUSED"


class Code(StrEnum):
    """What an error's body, or the reason of a refused order, names."""

    REQUEST_INVALID = "REQUEST_INVALID"  # not JSON, no length, a field is missing or not allowed
    TYPE_REFUSED = "TYPE_REFUSED"
    TOO_LARGE = "TOO_LARGE"
    FILE_UNKNOWN = "FILE_UNKNOWN"  # an order names a file that was not uploaded
    FILE_MISMATCH = "FILE_MISMATCH"  # size, digest, name or type are others than uploaded
    ORDER_KNOWN = "ORDER_KNOWN"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    REPLY_UNKNOWN = "REPLY_UNKNOWN"
    CLIENT_REFUSED = "CLIENT_REFUSED"
    NOT_FOUND = "NOT_FOUND"
    # Reasons of refused orders.
    PSEUDONYM_UNKNOWN = "PSEUDONYM_UNKNOWN"
    PSEUDONYM_FOREIGN = "PSEUDONYM_FOREIGN"  # another service provider's
    ACCOUNT_DELETED = "ACCOUNT_DELETED"
    LEVEL_TOO_LOW = "LEVEL_TOO_LOW"
    MALWARE_FOUND = "MALWARE_FOUND"
    # Of switches.
    BUSY = "BUSY"
    BROKEN = "BROKEN"
    AWAY = "AWAY"


STATUS: Final[Mapping[Code, int]] = MappingProxyType(
    {
        Code.REQUEST_INVALID: 400,
        Code.TYPE_REFUSED: 415,
        Code.TOO_LARGE: 413,
        Code.FILE_UNKNOWN: 422,
        Code.FILE_MISMATCH: 422,
        Code.ORDER_KNOWN: 409,
        Code.ORDER_UNKNOWN: 404,
        Code.REPLY_UNKNOWN: 404,
        Code.CLIENT_REFUSED: 403,
        Code.NOT_FOUND: 404,
        Code.BUSY: 429,
        Code.BROKEN: 500,
        Code.AWAY: 503,
    }
)
