"""The e-mails of the far side, for the contract's tests: a folder that is there or not."""

from email.message import EmailMessage
from pathlib import Path
from typing import Final

from postfach_mail import Pattern
from postfach_mail.folder import MARKER

ADDRESSES: Final = {
    "retrieval_address": "gelesen+{key}@rathaus.example",
    "reply_address": "antwort+{key}@rathaus.example",
}


class Mail:
    """A folder of e-mails, as a mail server fills it."""

    def __init__(self, folder: Path) -> None:
        """Make it."""
        self._folder = folder
        folder.mkdir()

    def settings(self, base: Path) -> dict[str, object]:
        """Return what the mailbox's settings say of it; paths count from `base`."""
        return {**ADDRESSES, "mail": {"folder": str(self._folder.relative_to(base))}}

    def up(self) -> None:
        """Be there."""
        (self._folder / MARKER).touch()

    def down(self) -> None:
        """Be away."""
        (self._folder / MARKER).unlink(missing_ok=True)

    def reply(self, key: str) -> None:
        """Let a reply with a document come about a notice."""
        made = EmailMessage()
        made["To"] = Pattern(ADDRESSES["reply_address"]).of(key)
        made["Subject"], made["Message-ID"] = "Re: notice", f"<{key}@b.example>"
        made.set_content("a reply")
        made.add_attachment(b"proof", maintype="application", subtype="pdf", filename="proof.pdf")
        (self._folder / f"{key}.eml").write_bytes(made.as_bytes())
