"""Replies in a journal, as they come in."""

import hashlib

from hub.journal import Journal, returning
from hub.journal.returning import NewFile, NewItem
from hub.returns.storing import XML, owner
from hub.vault import Vault, new_key
from postfach_mailbox.cipher import seal
from tests.unit.spools import START

DATA = b"<Reply/>"


def store(journal: Journal, vault: Vault, item: str, stem: str = "a", nn: int = 2) -> None:
    """Let a reply come in: a document, and the Reply itself."""
    key = new_key()
    files = [
        NewFile(
            n=number,
            place=("rostock", "bauamt", stem, nn),
            suffix=suffix,
            size=len(DATA),
            sha256=hashlib.sha256(DATA).hexdigest(),
            data=seal(key, XML, DATA),
        )
        for number, suffix in enumerate(("document-00", "reply.xml"))
    ]
    new = NewItem(
        mailbox="archive",
        item=item,
        kind="reply",
        at=START,
        stored_at=START,
        digest="0" * 64,
        notice_id=None,
        message_id="urn:1",
        trouble=None,
        evidence=b"e",
        key_wrapped=vault.wrap(key, owner("archive", item)),
        content=b"c",
    )
    with journal.write() as tx:
        returning.store(tx, new, files)
