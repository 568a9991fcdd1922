"""Has clamd look for malware in each document of a drop, before the hub takes it over.

    found malware                       Objected, MALWARE, with the signature's name
    clamd away, too slow, out of order  Undecided: the drop waits, and no other for it
    a document larger than clamd takes  Undecided too; raise `StreamMaxLength` in clamd.conf, to at
                                        least `limits.document` of hub.toml

In hub.toml:

    [checks.malware]
    plugin = "clamd"
    [checks.malware.config]
    socket = "/run/clamav/clamd.ctl"

Documents are sent to clamd as a stream, so clamd needs no right to read anything of the hub.
Security: clamd sees the documents in clear; `host` is for one on the same machine or in a trusted
network, since the protocol has neither encryption nor authentication.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from postfach_check_clamd.clamd import Answer, Away, Clamd, Strange
from postfach_mailbox import (
    CheckCapabilities,
    DeliveryDocument,
    Health,
    HubPath,
    Objected,
    Passed,
    Reason,
    Settings,
    Submission,
    Undecided,
    Verdict,
    hookimpl,
)

PING_TIME = 5.0  # seconds that a look at clamd's health may take


class ClamdCheck:
    """A clamd, reached over its socket."""

    class Config(Settings):
        """The check's table in hub.toml: either `socket`, or `host` and `port`."""

        socket: HubPath | None = None
        """clamd's unix socket (`LocalSocket` in clamd.conf)."""
        host: str | None = Field(default=None, min_length=1, max_length=255)
        """Where clamd listens (`TCPAddr`)."""
        port: int = Field(default=3310, ge=1, le=65535)
        """Its port (`TCPSocket`)."""

        @model_validator(mode="after")
        def _one_way(self) -> Self:
            if (self.socket is None) == (self.host is None):
                raise ValueError("give either `socket`, or `host` and `port`")
            return self

    def __init__(self, config: Config) -> None:
        """Take the settings; connects nowhere."""
        address = str(config.socket) if config.socket else (config.host or "", config.port)
        self._clamd = Clamd(address)

    def capabilities(self) -> CheckCapabilities:
        """Return what this plugin was written for."""
        return CheckCapabilities(contract="1.0")

    def check(self, submission: Submission) -> Verdict:
        """Have clamd look at each document; the first finding ends it."""
        try:
            for document in submission.documents:
                answer = self._look(document, submission)
                if answer.kind == "found":
                    return _found(document, answer)
                if answer.kind != "ok":
                    return _undecided("CLAMD_ERROR", "clamd could not look at a document")
        except Away:
            return _undecided("CLAMD_AWAY", "clamd does not answer, or not in time")
        except Strange:
            return _undecided("CLAMD_STRANGE", "clamd's answer is none of its protocol")
        return Passed()

    def health(self) -> Health:
        """Say whether clamd answers."""
        try:
            self._clamd.ping(PING_TIME)
        except Away as error:
            return Health(status="down", text=f"clamd is not reached ({error})")
        except Strange:
            return Health(status="down", text="what answers there is not clamd")
        return Health(status="up")

    def _look(self, document: DeliveryDocument, submission: Submission) -> Answer:
        with document.open() as stream:
            return self._clamd.scan(stream, submission.seconds_left)


def _found(document: DeliveryDocument, answer: Answer) -> Objected:
    reason = Reason(
        code="MALWARE", text="clamd found malware", mailbox_code=answer.text[:100] or None
    )
    return Objected(reason=reason, document=document.facts.id)


def _undecided(code: Literal["CLAMD_AWAY", "CLAMD_ERROR", "CLAMD_STRANGE"], text: str) -> Undecided:
    return Undecided(reason=Reason(code=code, text=text))


@hookimpl
def postfach_check() -> type:
    """Return the check's class, for the hub."""
    return ClamdCheck
