"""The files of a message as they come: in the announced order, each with its length and digest."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol

from postfach_mailbox_bundid.assumed import MEDIA_TYPES, Code
from postfach_mailbox_bundid.sandbox.content import Attachment
from postfach_mailbox_bundid.sandbox.refusing import Refusal
from postfach_sandbox.arrivals import Incoming

# In two parts, so that no scanner takes this file for one.
EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class File(Protocol):
    """A whole file, as FIT-Connect's bridge hands it over: of any class that has these three."""

    @property
    def filename(self) -> str:
        """Its name, as announced."""
        ...

    @property
    def content_type(self) -> str:
        """Its media type, in lower case and without parameters."""
        ...

    @property
    def data(self) -> bytes:
        """Its bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A plain File."""

    filename: str
    content_type: str
    data: bytes


class Upload:
    """Takes one file after the other: `begin`, `feed` as often as need be, `end`; then `finish`."""

    def __init__(self, announced: Sequence[Attachment], incoming: Incoming) -> None:
        """Write what comes into `incoming` as file-01, file-02, ..."""
        self._announced, self._incoming = announced, incoming
        self._file: BinaryIO | None = None
        self._digest, self._length, self._tail = hashlib.sha512(), 0, b""
        self._infected = False
        self.facts: list[dict[str, Any]] = []

    @property
    def _now(self) -> Attachment:
        return self._announced[len(self.facts)]

    def begin(self, filename: str | None, content_type: str) -> None:
        """Take the next file. Raises Refusal: it is not the one that is due, or of a wrong type."""
        known = [each.filename for each in self._announced]
        if filename not in known or len(self.facts) == len(known):
            raise Refusal(Code.ATTACHMENT_UNDECLARED, f"{self._place}: was not announced")
        if filename != self._now.filename:
            raise Refusal(Code.ATTACHMENT_ORDER, f"{self._place}: another file was announced here")
        if content_type not in MEDIA_TYPES:
            raise Refusal(Code.TYPE_REFUSED, f"{self._place}: one of {', '.join(MEDIA_TYPES)}")
        self._file = self._incoming.file(f"file-{len(self.facts) + 1:02d}")
        self._digest, self._length, self._tail = hashlib.sha512(), 0, b""
        self._infected = False

    def feed(self, data: bytes) -> None:
        """Take bytes of the file. Raises Refusal as soon as it is longer than announced."""
        self._length += len(data)
        if self._length > self._now.contentLength:
            raise Refusal(Code.LENGTH_WRONG, f"{self._place}: longer than announced")
        self._digest.update(data)
        seen = self._tail + data
        self._infected = self._infected or EICAR in seen
        self._tail = seen[-len(EICAR) :]
        if self._file is not None:
            self._file.write(data)

    def end(self, content_type: str) -> None:
        """Take the file as whole. Raises Refusal: length or digest differ, malware."""
        self.close()
        announced = self._now
        if self._length != announced.contentLength:
            raise Refusal(Code.LENGTH_WRONG, f"{self._place}: shorter than announced")
        if self._digest.hexdigest() != announced.sha512sum:
            raise Refusal(Code.DIGEST_WRONG, f"{self._place}: sha512sum is another")
        if self._infected:
            raise Refusal(Code.MALWARE_FOUND, f"{self._place}: malware")
        self.facts.append(
            {
                "filename": announced.filename,
                "type": content_type,
                "length": self._length,
                "sha512": announced.sha512sum,
            }
        )

    def finish(self) -> None:
        """Take the message as whole. Raises Refusal: an announced file did not come."""
        if len(self.facts) < len(self._announced):
            raise Refusal(Code.ATTACHMENT_MISSING, f"{self._place}: announced, and did not come")

    def close(self) -> None:
        """Close the file under way; where the upload is given up, too."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def _place(self) -> str:
        return f"files[{len(self.facts)}]"
