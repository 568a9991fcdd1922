"""What is assumed of the real service because it is not public: the one home of it.

Known from clients that are public are the requests: paths, envelope, token, fields, their lengths,
that the part `json` may come without a Content-Type, and that a message is answered with 200. Not
known are the bodies of answers, the errors, and the limits of files. What stands here is used by
the plugin, which reads answers, and by the sandbox, which gives them: a real value that becomes
known is put here, and both follow.

An error's body is `{"code": "...", "message": "..."}`. What was taken is answered with 200 (201 is
understood too): a message with `{"messageId": "<uuid>", "createdDate": "<ISO 8601, ms, Z>"}`, a
state with `{"applicationId": "<uuid>", "createdDate": "<ISO 8601, ms, Z>"}`. `createdDate` is by
the service's own clock, and the moment from which the recipient can read it. Certificate and token
are looked at before the path: who asks for nothing (`GET` of a path below) gets 401 or 403 when
they are wrong, else 405.

Of a file's part: its name is written in UTF-8 between quotes, with a backslash before a quote or a
backslash, and is the announced one; its Content-Type is one of MEDIA_TYPES; no other headers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

MESSAGES: Final = "/v6/mailbox/messages"
STATES: Final = "/v6/mailbox/applications/states"
REQUEST_ID: Final = "X-Request-ID"  # holds the hub's key, by which a person asks for a lost answer

# Through FIT-Connect the envelope also holds `authorToken`, the same token as in the header, and
# `authorCertificate`, the sender's certificate as PEM. Both names are known.
AUTHOR_TOKEN: Final = "authorToken"  # noqa: S105  # a field's name
AUTHOR_CERTIFICATE: Final = "authorCertificate"
BRIDGE_MESSAGE: Final = "urn:schema-fitko-de:fit-connect:id.bund.de:message_v6"
BRIDGE_STATE: Final = "urn:schema-fitko-de:fit-connect:id.bund.de:status_v6"
BRIDGE_SCHEMA: Final = (  # of the data of both
    "https://schema.fitko.de/fit-connect/id.bund.de/message_v6/1.0.0/zbp-message.schema.json"
)

# What a reject of the bridge names that would meet every notice alike, by the last part of its
# problem's `type`: its own, and the codes of the service that concern the sender.
OUR_REJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "token-invalid": "the service does not accept our token; is this machine's time right?",
        "certificate-refused": "the service does not accept our certificate",
        "role-missing": "the service wants another role than ours",
        "signature-invalid": "the service knows another certificate for our signature",
        "request-invalid": "the service wants envelopes of another form",
        "not-found": "the bridge does not find the service",
        "unsupported-service": "the bridge takes no such messages; see fitconnect.destination",
        "unsupported-schema": "the bridge wants another schema",
        "encryption-issue": "the bridge cannot open what was encrypted for it",
    }
)

# Fields of answers.
CODE: Final = "code"
MESSAGE: Final = "message"
MESSAGE_ID: Final = "messageId"
APPLICATION_ID: Final = "applicationId"
CREATED: Final = "createdDate"
TAKEN_STATUS: Final = frozenset({200, 201})

# The token. Its lifetime is known to be 30 minutes; how far clocks may differ is not.
ROLE: Final = "THIRD_PARTY"
TOKEN_SECONDS: Final = 30 * 60
TOKEN_LEEWAY_SECONDS: Final = 60

# Limits. `content` comes from a note at second hand; those of files are chosen.
TEXT_BYTES_MAX: Final = 1_000_000  # UTF-8 of the field `content`
ENVELOPE_BYTES_MAX: Final = 2 * 1024 * 1024  # the part `json`
FILE_BYTES_MAX: Final = 20 * 1024 * 1024
FILES_BYTES_MAX: Final = 50 * 1024 * 1024
FILES_MAX: Final = 100
FILENAME_MAX: Final = 255
MEDIA_TYPES: Final = (
    "application/pdf",
    "application/xml",
    "text/xml",
    "text/plain",
    "image/bmp",
    "image/jpeg",
    "image/png",
    "image/tiff",
)
# What the field `content` may hold, which is shown as HTML; no attributes but `href` of `a`.
HTML_TAGS: Final = ("p", "br", "b", "strong", "i", "em", "ul", "ol", "li", "a", "h1", "h2", "h3")


class Code(StrEnum):
    """What an error's body names as `code`."""

    MAILBOX_UNKNOWN = "MAILBOX_UNKNOWN"  # there is no mailbox with this handle
    MAILBOX_DELETED = "MAILBOX_DELETED"  # there was one
    TRUST_LEVEL_TOO_LOW = "TRUST_LEVEL_TOO_LOW"  # the account's level is below the message's
    TOO_LARGE = "TOO_LARGE"  # envelope, text, a file, or all files together
    TYPE_REFUSED = "TYPE_REFUSED"  # media type of a file, or of the request
    MALWARE_FOUND = "MALWARE_FOUND"
    REQUEST_INVALID = "REQUEST_INVALID"  # not multipart, wrong parts, no length, not JSON
    SCHEMA_INVALID = "SCHEMA_INVALID"  # a field of the content is missing, too long, not allowed
    SIGNATURE_INVALID = "SIGNATURE_INVALID"  # `sha512sum` does not sign these bytes
    ATTACHMENT_MISSING = "ATTACHMENT_MISSING"  # announced, not sent
    ATTACHMENT_UNDECLARED = "ATTACHMENT_UNDECLARED"  # sent, not announced
    ATTACHMENT_ORDER = "ATTACHMENT_ORDER"  # files do not come as announced
    DIGEST_WRONG = "DIGEST_WRONG"  # of a file
    LENGTH_WRONG = "LENGTH_WRONG"  # of a file
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105  # a code, no secret
    CERTIFICATE_REFUSED = "CERTIFICATE_REFUSED"  # none, or not the one that the token names
    ROLE_MISSING = "ROLE_MISSING"
    STATE_BACKWARDS = "STATE_BACKWARDS"  # an application does not go back
    NOT_FOUND = "NOT_FOUND"  # no such path: a wrong `url`, nothing about a mailbox
    BUSY = "BUSY"
    BROKEN = "BROKEN"
    AWAY = "AWAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is no deposit.

    status: HTTP
    stored: whether the message may be stored all the same; False: surely not
    """

    status: int
    stored: bool = False


ANSWERS: Final[dict[Code, Answer]] = {
    Code.MAILBOX_UNKNOWN: Answer(status=404),
    Code.MAILBOX_DELETED: Answer(status=410),
    # Not 403, which is a matter of the sender's rights.
    Code.TRUST_LEVEL_TOO_LOW: Answer(status=422),
    Code.TOO_LARGE: Answer(status=413),
    Code.TYPE_REFUSED: Answer(status=415),
    Code.MALWARE_FOUND: Answer(status=422),
    Code.REQUEST_INVALID: Answer(status=400),
    Code.SCHEMA_INVALID: Answer(status=400),
    Code.SIGNATURE_INVALID: Answer(status=400),
    Code.ATTACHMENT_MISSING: Answer(status=400),
    Code.ATTACHMENT_UNDECLARED: Answer(status=400),
    Code.ATTACHMENT_ORDER: Answer(status=400),
    Code.DIGEST_WRONG: Answer(status=400),
    Code.LENGTH_WRONG: Answer(status=400),
    Code.TOKEN_INVALID: Answer(status=401),
    Code.CERTIFICATE_REFUSED: Answer(status=403),
    Code.ROLE_MISSING: Answer(status=403),
    Code.STATE_BACKWARDS: Answer(status=409),
    Code.NOT_FOUND: Answer(status=404),
    Code.BUSY: Answer(status=429),
    Code.BROKEN: Answer(status=500, stored=True),
    Code.AWAY: Answer(status=503, stored=True),
}

STATES_IN_ORDER: Final = (
    "INITIATED",
    "SUBMITTED",
    "RECEIVED",
    "PROCESSING",
    "ACTION_REQUIRED",
    "COMPLETED",
)
"""Known are the names; that an application does not go back is assumed, but for PROCESSING after
ACTION_REQUIRED, since what was asked for has then been answered."""
