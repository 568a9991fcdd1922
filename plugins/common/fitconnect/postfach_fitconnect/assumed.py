"""What is assumed of FIT-Connect where its real answers are not known here: the one home of it.

Known are: the steps of a submission, the media types of requests, the form of JWE (RSA-OAEP-256,
A256GCM, not compressed, compact) and of SETs (PS512, one event each, claims), the names of events,
the fields that are sent, problem+json for errors, and how long things are kept. All else that both
sides must agree on stands here and is used by the client, which asks, and by the sandbox, which
answers: a real value that becomes known is put here, and both follow.

Token: `POST <token_url>`, application/x-www-form-urlencoded, fields `grant_type`, `client_id`,
`client_secret`, `scope` (only where one is set); answered 200 with JSON `access_token`,
`token_type` "Bearer", `expires_in`; a wrong client 400 or 401 with JSON `error` (RFC 6749, 5.2).

Destination: `{"destinationId", "status", "encryptionKid", "services": [{"identifier",
"submissionSchemas": [{"schemaUri", "mimeType"}]}]}`; a destination without `services` says nothing
of what it takes. Key: a JWK with `kty` RSA, `kid`, `alg`, `key_ops`. jwks.json: `{"keys": [...]}`.

Each submission may be created with a header `X-Request-ID`, which nobody has to look at.

Submission: `POST` with `{"destinationId", "announcedAttachments": [uuid, ...], "publicService":
{"identifier", "name"}, "caseId" (only to go on with a case)}`, answered 201 with `{"submissionId",
"caseId", "destinationId"}`. An attachment is answered 204, the submission itself 202. `DELETE` of a
submission that was created and never submitted is answered 204: it can be submitted no more; of one
that was submitted 409. Events: `{"eventLog": ["<SET>", ...]}`, oldest first, whole.

Reply: `GET /v2/replies?limit=N` is answered with `{"replies": [{"replyId", "caseId"}]}`, those not
acknowledged, oldest first; one reply with `{"replyId", "caseId", "destinationId", "createdAt" (ISO
8601 with zone), "encryptedMetadata", "encryptedData", "attachments": [uuid, ...]}`; an attachment
with its JWE as application/jose; `PUT .../acknowledge` with 204, and with 204 or 404 when repeated.
A case is answered with `{"caseId", "destinationId", "submissions": [{"submissionId"}]}`.

Metadata: `contentStructure` with `data` {`submissionSchema` {`schemaUri`, `mimeType`}, `hash`
{`type` "sha512", `content` hex}} and `attachments` [{`attachmentId`, `purpose`, `filename`,
`mimeType`, `hash`}], `publicServiceType` {`identifier`, `name`}, and, where replies are wanted,
`replyChannel` {`fitConnect` {`encryptionPublicKey` JWK, `processStandards` []}}. Of a reply: the
same, and `subject` may stand beside `contentStructure`. Hashes are of the clear bytes.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from postfach_mailbox import RefusalCode

# Paths below the submission URL.
REQUEST_ID: Final = "X-Request-ID"
JWKS: Final = "/.well-known/jwks.json"
DESTINATION: Final = "/v2/destinations/{destination}"
KEY: Final = "/v2/destinations/{destination}/keys/{kid}"
SUBMISSIONS: Final = "/v2/submissions"
SUBMISSION: Final = "/v2/submissions/{submission}"
ATTACHMENT: Final = "/v2/submissions/{submission}/attachments/{attachment}"
EVENTS: Final = "/v2/submissions/{submission}/events"
REPLIES: Final = "/v2/replies"
REPLY: Final = "/v2/replies/{reply}"
REPLY_ATTACHMENT: Final = "/v2/replies/{reply}/attachments/{attachment}"
REPLY_ACKNOWLEDGE: Final = "/v2/replies/{reply}/acknowledge"
CASE: Final = "/v2/cases/{case}"

JOSE: Final = "application/jose"
SET_MEDIA_TYPE: Final = "application/secevent+jwt"  # RFC 8417, 7.2
SET_TYP: Final = "secevent+jwt"  # header of a SET (RFC 8417, 2.3); compared in lower case
METADATA_SCHEMA: Final = "https://schema.fitko.de/fit-connect/metadata/2.0.0/metadata.schema.json"
SET_SCHEMA: Final = "https://schema.fitko.de/fit-connect/set-payload/1.0.0/set-payload.schema.json"

# Status codes of what was done.
CREATED: Final = frozenset({200, 201})
UPLOADED: Final = frozenset({200, 201, 202, 204})
SUBMITTED: Final = frozenset({200, 202, 204})
WITHDRAWN: Final = frozenset({200, 202, 204})
ACKNOWLEDGED: Final = frozenset({200, 202, 204, 404, 410})

# Keys. RSA with less is refused; real ones are said to have 4096 bits.
ENCRYPTION_ALG: Final = "RSA-OAEP-256"
ENCRYPTION_ENC: Final = "A256GCM"
ENCRYPTION_OPS: Final = "wrapKey"
SIGNATURE_ALG: Final = "PS512"
SIGNATURE_OPS: Final = "verify"
KEY_BITS_MIN: Final = 3072
KEY_BITS_MAX: Final = 16384

# Times, in seconds.
TOKEN_MARGIN: Final = 60.0  # a token is renewed so long before it ends; at most half its time
TOKEN_LIFETIME: Final = 1800.0  # where the answer does not say
CLOCK_LEEWAY: Final = 300.0  # a SET may come from so far in the future: clocks differ
SET_EARLIEST: Final = 1_577_836_800  # 2020-01-01: no SET is older than the service
DESTINATION_KEPT: Final = 300.0  # a destination's data are taken as they are for so long
KEYS_KEPT: Final = 3600.0  # so are keys
QUIET: Final = 3600.0
"""No request is worked longer than this: a submission created so long ago, and of which there is
no submit event, will not get one. Only asked where `DELETE` is not to be had."""

# Limits.
SET_BYTES_MAX: Final = 16 * 1024
EVENTS_MAX: Final = 64  # tokens of a submission; a longer log is not believed
EVENTS_BYTES_MAX: Final = 1024 * 1024
DATA_BYTES_MAX: Final = 4 * 1024 * 1024  # `data`, which is held in memory
ATTACHMENTS_MAX: Final = 100
FILE_BYTES_MAX: Final = 1024 * 1024 * 1024
REPLIES_AT_ONCE: Final = 16


class DestinationStatus(StrEnum):
    """What a destination's `status` may say."""

    CREATED = "created"  # not in use yet
    ACTIVE = "active"
    INACTIVE = "inactive"  # for a time
    DECOMMISSIONED = "decommissioned"  # for good


class EventType(StrEnum):
    """The events of a submission, as a SET names them."""

    CREATE = "https://schema.fitko.de/fit-connect/events/create-submission"
    SUBMIT = "https://schema.fitko.de/fit-connect/events/submit-submission"
    NOTIFY = "https://schema.fitko.de/fit-connect/events/notify-submission"
    FORWARD = "https://schema.fitko.de/fit-connect/events/forward-submission"
    REJECT = "https://schema.fitko.de/fit-connect/events/reject-submission"
    ACCEPT = "https://schema.fitko.de/fit-connect/events/accept-submission"
    DELETE = "https://schema.fitko.de/fit-connect/events/delete-submission"

    @property
    def short(self) -> str:
        """Its last part, such as `accept-submission`."""
        return self.value.rpartition("/")[2]


class Issuer(StrEnum):
    """Who signs SETs."""

    SERVICE = "service"  # `iss` is the issuer's URL, keys in jwks.json
    DESTINATION = "destination"  # `iss` is its id, keys below it


ISSUERS: Final[Mapping[EventType, frozenset[Issuer]]] = MappingProxyType(
    {
        EventType.CREATE: frozenset({Issuer.SERVICE}),
        EventType.SUBMIT: frozenset({Issuer.SERVICE}),
        EventType.NOTIFY: frozenset({Issuer.SERVICE}),
        EventType.FORWARD: frozenset({Issuer.SERVICE, Issuer.DESTINATION}),
        # On day 14 the service rejects what was not fetched.
        EventType.REJECT: frozenset({Issuer.SERVICE, Issuer.DESTINATION}),
        # Only who can decrypt a submission can say that it has it.
        EventType.ACCEPT: frozenset({Issuer.DESTINATION}),
        EventType.DELETE: frozenset({Issuer.SERVICE}),
    }
)
"""Who may say what; an event of another issuer is refused."""

# Fields of an event's value.
PROBLEMS: Final = "problems"  # of a reject: [{"type", "title", "detail", "instance"}]
TAGS: Final = "authenticationTags"  # {"metadata", "data", "attachments": {uuid: tag}}

# Problems: `type` of problem+json and of the problems of a reject.
API_PROBLEM: Final = "https://schema.fitko.de/fit-connect/submission-api/problems/"
EVENT_PROBLEM: Final = "https://schema.fitko.de/fit-connect/events/problems/"
BRIDGE_PROBLEM: Final = "https://schema.fitko.de/fit-connect/id.bund.de/problems/"


class Problem(StrEnum):
    """The last part of `type` where an API's answer is an error."""

    DESTINATION_UNKNOWN = "destination-not-found"
    DESTINATION_GONE = "destination-decommissioned"
    DESTINATION_INACTIVE = "destination-inactive"
    KEY_UNKNOWN = "key-not-found"
    SERVICE_UNKNOWN = "unsupported-service"  # the destination does not offer it
    SUBMISSION_UNKNOWN = "submission-not-found"
    SUBMISSION_SUBMITTED = "submission-already-submitted"  # and cannot be changed any more
    ATTACHMENT_UNANNOUNCED = "attachment-not-announced"
    ATTACHMENT_MISSING = "missing-attachment"
    REQUEST_INVALID = "invalid-request"
    ENCRYPTION_INVALID = "invalid-encryption"  # no JWE as it must be, or another key's
    TOO_LARGE = "too-large"
    TYPE_UNSUPPORTED = "unsupported-media-type"
    REPLY_UNKNOWN = "reply-not-found"
    CASE_UNKNOWN = "case-not-found"
    TOKEN_INVALID = "invalid-token"  # noqa: S105  # a problem's name
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"  # no such path: a wrong URL
    BUSY = "busy"
    BROKEN = "internal-error"
    AWAY = "unavailable"


PROBLEM_STATUS: Final[Mapping[Problem, int]] = MappingProxyType(
    {
        Problem.DESTINATION_UNKNOWN: 404,
        Problem.DESTINATION_GONE: 410,
        Problem.DESTINATION_INACTIVE: 422,
        Problem.KEY_UNKNOWN: 404,
        Problem.SERVICE_UNKNOWN: 422,
        Problem.SUBMISSION_UNKNOWN: 404,
        Problem.SUBMISSION_SUBMITTED: 409,
        Problem.ATTACHMENT_UNANNOUNCED: 404,
        Problem.ATTACHMENT_MISSING: 422,
        Problem.REQUEST_INVALID: 400,
        Problem.ENCRYPTION_INVALID: 422,
        Problem.TOO_LARGE: 413,
        Problem.TYPE_UNSUPPORTED: 415,
        Problem.REPLY_UNKNOWN: 404,
        Problem.CASE_UNKNOWN: 404,
        Problem.TOKEN_INVALID: 401,
        Problem.FORBIDDEN: 403,
        Problem.NOT_FOUND: 404,
        Problem.BUSY: 429,
        Problem.BROKEN: 500,
        Problem.AWAY: 503,
    }
)
"""The status that goes with a problem of the API."""

REFUSALS: Final[Mapping[Problem, RefusalCode]] = MappingProxyType(
    {
        Problem.ATTACHMENT_UNANNOUNCED: RefusalCode.CONTENT_INVALID,
        Problem.ATTACHMENT_MISSING: RefusalCode.CONTENT_INVALID,
        Problem.REQUEST_INVALID: RefusalCode.CONTENT_INVALID,
        Problem.SERVICE_UNKNOWN: RefusalCode.CONTENT_INVALID,
        Problem.TOO_LARGE: RefusalCode.TOO_LARGE,
        Problem.TYPE_UNSUPPORTED: RefusalCode.TYPE_REFUSED,
    }
)
"""Problems of the API that are the notice's own: the same notice would meet them again."""

REJECTIONS: Final[Mapping[str, RefusalCode]] = MappingProxyType(
    {
        f"{EVENT_PROBLEM}missing-attachment": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}attachments-mismatch": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}incorrect-authentication-tag": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}hash-mismatch": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}encryption-issue": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}syntax-violation": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}schema-violation": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}unsupported-schema": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}unsupported-service": RefusalCode.CONTENT_INVALID,
        f"{EVENT_PROBLEM}attachment-too-large": RefusalCode.TOO_LARGE,
        f"{EVENT_PROBLEM}attachment-type": RefusalCode.TYPE_REFUSED,
        f"{EVENT_PROBLEM}malware": RefusalCode.MALWARE,
        f"{EVENT_PROBLEM}not-fetched": RefusalCode.OTHER,  # rejected on day 14
        f"{EVENT_PROBLEM}technical-error": RefusalCode.OTHER,
        # Of the bridge to the citizens' mailboxes: what the mailbox service refused.
        f"{BRIDGE_PROBLEM}mailbox-unknown": RefusalCode.RECIPIENT_UNKNOWN,
        f"{BRIDGE_PROBLEM}mailbox-deleted": RefusalCode.RECIPIENT_DELETED,
        f"{BRIDGE_PROBLEM}trust-level-too-low": RefusalCode.TRUST_LEVEL,
        f"{BRIDGE_PROBLEM}too-large": RefusalCode.TOO_LARGE,
        f"{BRIDGE_PROBLEM}type-refused": RefusalCode.TYPE_REFUSED,
        f"{BRIDGE_PROBLEM}malware-found": RefusalCode.MALWARE,
        f"{BRIDGE_PROBLEM}state-backwards": RefusalCode.OTHER,
    }
)
"""What a problem of a reject means; another of BRIDGE_PROBLEM is CONTENT_INVALID, any else OTHER.

The bridge names the mailbox service's own code as the last part: lower case, `_` as `-`.
"""
