"""FIT-Connect, played in memory, in the place of a client of HTTP."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from postfach_fitconnect.assumed import EventType, Problem
from postfach_fitconnect.jwe import Recipient, whole
from postfach_fitconnect.testkit.tokens import (
    DESTINATION,
    SCHEMA,
    SERVICE,
    URL,
    Keys,
    announced,
    answer,
    claims,
    hashed,
    problem,
    sign,
)
from postfach_http import Answer


@dataclass(slots=True, kw_only=True)  # the played service changes it
class Submission:
    """What the played service has of one."""

    id: str
    case: str
    announced: list[str]
    uploaded: dict[str, bytes] = field(default_factory=dict)
    submitted: dict[str, str] | None = None
    log: list[str] = field(default_factory=list)


class Far:
    """FIT-Connect, played in the place of the client; `calls` are methods and paths."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.calls: list[str] = []
        self.bodies: list[bytes] = []
        self.submissions: dict[str, Submission] = {}
        self.destination: dict[str, Any] = {
            "destinationId": DESTINATION,
            "status": "active",
            "encryptionKid": keys.encryption.kid,
            "services": [{"identifier": SERVICE, "submissionSchemas": [{"schemaUri": SCHEMA}]}],
        }
        self.jwks = {
            keys.encryption.kid: keys.encryption.jwk("RSA-OAEP-256", "wrapKey"),
            keys.destination.kid: keys.destination.jwk("PS512", "verify"),
        }
        self.token = "token-1"  # noqa: S105  # no secret of anyone
        self.replies: dict[str, dict[str, Any]] = {}
        self.documents: dict[tuple[str, str], bytes] = {}
        self.acknowledged: list[str] = []
        self._plays: list[tuple[str, Callable[[], Answer] | None, Callable[[], Answer] | None]] = []

    def before(self, call: str, then: Callable[[], Answer]) -> None:
        """Answer the next call that begins so, before it has an effect."""
        self._plays.append((call, then, None))

    def after(self, call: str, then: Callable[[], Answer]) -> None:
        """Answer the next call that begins so, after it had its effect."""
        self._plays.append((call, None, then))

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        left: Callable[[], float],  # noqa: ARG002  # it answers at once
        body: bytes | Iterable[bytes] | None = None,
        length: int | None = None,
        most: int = 65536,
    ) -> Answer:
        call = f"{method} {path}"
        self.calls.append(call)
        play = next((each for each in self._plays if call.startswith(each[0])), None)
        if play is not None:
            self._plays.remove(play)
            if play[1] is not None:
                return play[1]()
        data = body if isinstance(body, bytes | None) else b"".join(body)
        if length not in (None, len(data or b"")):
            raise ValueError("the body is not as long as announced")
        self.bodies.append(data or b"")
        found = self._answer(call, headers, data or b"")
        if len(found.body) > most:
            found = Answer(
                status=found.status, headers=found.headers, body=found.body[:most], whole=False
            )
        return play[2]() if play is not None and play[2] is not None else found

    def _answer(self, call: str, headers: Mapping[str, str], data: bytes) -> Answer:
        method, _, path = call.partition(" ")
        if path == "/token":
            return answer(200, {"access_token": self.token, "expires_in": 1800})
        if path == "/.well-known/jwks.json":
            return answer(200, {"keys": [self.keys.service.jwk("PS512", "verify")]})
        if headers.get("Authorization") != f"Bearer {self.token}":
            return problem(Problem.TOKEN_INVALID)
        parts = path.partition("?")[0].strip("/").split("/")
        return self._known(method, parts[1:], data)

    def _known(self, method: str, parts: list[str], data: bytes) -> Answer:
        match parts:
            case ["destinations", _]:
                return answer(200, self.destination)
            case ["destinations", _, "keys", kid]:
                jwk = self.jwks.get(kid)
                return answer(200, jwk) if jwk else problem(Problem.KEY_UNKNOWN)
            case ["submissions"]:
                return self._create(json.loads(data))
            case ["submissions", sid, *rest] if sid in self.submissions:
                return self._of(self.submissions[sid], method, rest, data)
            case ["submissions", *_]:
                return problem(Problem.SUBMISSION_UNKNOWN)
            case ["cases", case]:
                return _of_case(self.submissions.values(), case)
            case ["replies", *rest]:
                return self._of_replies(rest)
        return problem(Problem.NOT_FOUND)

    def _create(self, order: dict[str, Any]) -> Answer:
        made = Submission(
            id=str(uuid4()), case=str(uuid4()), announced=order["announcedAttachments"]
        )
        self.submissions[made.id] = made
        self.tell(made, EventType.CREATE)
        body = {"submissionId": made.id, "caseId": made.case, "destinationId": DESTINATION}
        return answer(201, body)

    def _of(self, found: Submission, method: str, rest: list[str], data: bytes) -> Answer:
        match method, rest:
            case "PUT", ["attachments", aid]:
                found.uploaded[aid] = data
                return answer(204)
            case "PUT", []:
                found.submitted = json.loads(data)
                self.tell(found, EventType.SUBMIT)
                return answer(202, {})
            case "GET", ["events"]:
                return answer(200, {"eventLog": found.log})
            case "DELETE", []:
                if found.submitted is not None:
                    return problem(Problem.SUBMISSION_SUBMITTED)
                del self.submissions[found.id]
                return answer(204)
        return problem(Problem.NOT_FOUND)

    def _of_replies(self, rest: list[str]) -> Answer:
        match rest:
            case []:
                listed = [
                    {"replyId": each, "caseId": self.replies[each]["caseId"]}
                    for each in self.replies
                    if each not in self.acknowledged
                ]
                return answer(200, {"replies": listed})
            case [reply] if reply in self.replies:
                return answer(200, self.replies[reply])
            case [reply, "attachments", aid]:
                return answer(200, self.documents[reply, aid], "application/jose")
            case [reply, "acknowledge"]:
                self.acknowledged.append(reply)
                return answer(204)
        return problem(Problem.REPLY_UNKNOWN)

    def tell(self, about: Submission, event: EventType, by: str = "service", **value: Any) -> str:
        """Put an event into a log, signed as it has to be."""
        issuer = URL if by == "service" else DESTINATION
        told = claims(event, issuer, about.id, about.case, value)
        about.log.append(sign(told, getattr(self.keys, by)))
        return about.log[-1]

    def reply(self, case: str, data: bytes, **documents: bytes) -> str:
        """Let a reply wait; documents by their file name, `.` written as `__`."""
        reply, ids = str(uuid4()), {name: str(uuid4()) for name in documents}
        ours = Recipient(key=self.keys.ours.private.public_key(), kid=self.keys.ours.thumbprint)
        listed = []
        for name, content in documents.items():
            token, _ = whole(ours, "application/pdf", content)
            self.documents[reply, ids[name]] = token
            listed.append(announced(ids[name], name.replace("__", "."), content))
        metadata = {
            "contentStructure": {
                "data": {
                    "submissionSchema": {"schemaUri": SCHEMA, "mimeType": "application/json"},
                    "hash": hashed(data),
                },
                "attachments": listed,
            }
        }
        about, _ = whole(ours, "application/json", json.dumps(metadata).encode())
        own, _ = whole(ours, "application/json", data)
        self.replies[reply] = {
            "replyId": reply,
            "caseId": case,
            "destinationId": DESTINATION,
            "createdAt": "2026-03-01T10:00:00+01:00",
            "encryptedMetadata": about.decode(),
            "encryptedData": own.decode(),
            "attachments": list(ids.values()),
        }
        return reply

    @property
    def only(self) -> Submission:
        (found,) = self.submissions.values()
        return found


def _of_case(submissions: Iterable[Submission], case: str) -> Answer:
    ids = [{"submissionId": each.id} for each in submissions if each.case == case]
    body = {"caseId": case, "destinationId": DESTINATION, "submissions": ids}
    return answer(200, body) if ids else problem(Problem.CASE_UNKNOWN)
