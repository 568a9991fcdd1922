"""A folder as a mailbox: for authorities that take files, for trying out, and for tests.

    <path>/.mailbox                       marks the root; absent: not mounted, the hub tries again
    <path>/<account>/                     an account; absent: RECIPIENT_UNKNOWN
    <path>/<account>/.closed              the account is closed: RECIPIENT_DELETED
    <path>/<account>/<key>/               a letter: the documents under their own names,
                                          `bescheid-siegel.xml`, and the answer in `.answer.json`
    <path>/<account>/replies/<id>/        a reply, to be brought back: see `replies`
    <path>/<account>/statuses/<id>/       the states of an application: see `statuses`
    <path>/.incoming/                     letters on their way; what is a day old is swept

IDEMPOTENT by key: a key that is there returns its first answer, byte for byte. A letter is written
aside, synced and renamed, so it is there whole or not at all; `<path>` and its accounts must lie in
one file system.

In hub.toml:

    [mailboxes.archive]
    plugin = "directory"
    [mailboxes.archive.config]
    path = "var/mailboxes/archive"

Security: answers hold ids and digests, no names of files or persons, so they may stand in receipts.
"""

import os
import re
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from postfach_mailbox import (
    Account,
    Acknowledged,
    Capabilities,
    Collected,
    Deferred,
    Delivery,
    Fetched,
    Health,
    HubPath,
    Outcome,
    Reason,
    RefusalCode,
    Refused,
    Repeat,
    Settings,
    StatusUpdate,
    hookimpl,
)
from postfach_mailbox.cipher import Damaged
from postfach_mailbox_directory import letter, replies, statuses
from postfach_mailbox_directory.commit import Commit
from postfach_mailbox_directory.letter import ContentInvalid, Letter

ADDRESS = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
MARKER, CLOSED = ".mailbox", ".closed"
EVERY_SIZE = 2**50  # bytes: the file system says what it takes
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class DirectoryMailbox:
    """One root folder with its accounts."""

    class Config(Settings):
        """The mailbox's table in hub.toml."""

        path: HubPath
        """The root folder; it and its marker are made by the operator."""

    def __init__(self, config: Config) -> None:
        """Take the settings; touches no file."""
        self._root = config.path
        self._commit = Commit()
        self._swept = False

    def capabilities(self) -> Capabilities:
        """Return what a folder can do: everything that a file system can."""
        return Capabilities(
            contract="1.1",
            scheme="directory",
            address_pattern=ADDRESS,
            legal_bases=frozenset(
                {"OZG9", "AO122A", "SGBX37_2A", "VWVFG41_2", "VWVFG41_2A", "NONE"}
            ),
            assurance_level="high",
            max_file=EVERY_SIZE,
            max_total=EVERY_SIZE,
            max_count=100,
            repeat=Repeat.IDEMPOTENT,
            return_channel=True,
            status=True,
        )

    def deposit(self, delivery: Delivery) -> Outcome:
        """Write the letter; Deferred while the root, or room in it, is away."""
        with ExitStack() as folders:
            try:
                with self._commit.writing(delivery):
                    found = self._write(folders, delivery)
            except ContentInvalid as error:
                return _refused(RefusalCode.CONTENT_INVALID, str(error))
            except Damaged:
                reason = Reason(code="PAYLOAD_DAMAGED", text="stored content is damaged")
                return Deferred(reason=reason)
            except OSError as error:  # nothing is in the account yet
                return Deferred(reason=letter.reason(error))
            return self._commit.join(found) if isinstance(found, Letter) else found

    def health(self) -> Health:
        """Say whether the root's marker is there."""
        if (self._root / MARKER).exists():
            return Health(status="up")
        return Health(status="down", text=f"no file {MARKER} in the root folder")

    def account(self, address: str) -> Account:
        """Say whether the account's folder is there and open; OSError where the root is away."""
        (self._root / MARKER).stat()
        if not re.fullmatch(ADDRESS, address) or not (self._root / address).is_dir():
            return Account(status="unknown")
        return Account(status="deleted" if (self._root / address / CLOSED).exists() else "active")

    def set_status(self, update: StatusUpdate) -> Outcome:
        """Write the state into the account; Deferred while the root, or room in it, is away."""
        with ExitStack() as folders:
            try:
                root, account = self._account(folders, update.mailbox.id)
                if isinstance(account, Refused):
                    return account
                # As of a letter: a closed account does not take back what it has confirmed.
                if (earlier := statuses.earlier(account, update)) is not None:
                    return earlier
                with suppress(FileNotFoundError):
                    os.stat(CLOSED, dir_fd=account)
                    return _refused(RefusalCode.RECIPIENT_DELETED, "the account is closed")
                return statuses.show(account, self._incoming(folders, root), update)
            except OSError as error:  # nothing is in the account yet
                return Deferred(reason=letter.reason(error))

    def collect(self) -> Collected:
        """Return the replies that lie there; OSError where the root is away."""
        (self._root / MARKER).stat()
        return Collected(items=replies.offered(self._root))

    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        """Write a reply's document."""
        return replies.write(self._root, item, document, into)

    def acknowledge(self, item: str) -> Acknowledged:
        """Move a reply aside."""
        (self._root / MARKER).stat()
        replies.take(self._root, item)
        return Acknowledged()

    def _write(self, folders: ExitStack, delivery: Delivery) -> Letter | Outcome:
        """Return the letter, written aside, or how it ended before that."""
        root, account = self._account(folders, delivery.notice.mailbox.id)
        if isinstance(account, Refused):
            return account
        # First of all: a closed account does not take back what it has confirmed.
        if (earlier := letter.earlier(account, delivery.key)) is not None:
            os.fsync(account)  # it may have been renamed without anyone having waited for this
            return earlier
        with suppress(FileNotFoundError):
            os.stat(CLOSED, dir_fd=account)
            return _refused(RefusalCode.RECIPIENT_DELETED, "the account is closed")
        return letter.write(root, account, self._incoming(folders, root), delivery)

    def _account(self, folders: ExitStack, name: str) -> tuple[int, int | Refused]:
        """Return the open root and account, or why there is none. OSError: the root is away."""
        root = _open(folders, self._root, os.O_RDONLY | os.O_DIRECTORY)
        os.stat(MARKER, dir_fd=root)
        if not re.fullmatch(ADDRESS, name):
            return root, _refused(RefusalCode.RECIPIENT_UNKNOWN, "not an account's name")
        try:
            return root, _open(folders, name, FOLDER, root)
        except FileNotFoundError:
            return root, _refused(RefusalCode.RECIPIENT_UNKNOWN, "there is no such account")

    def _incoming(self, folders: ExitStack, root: int) -> int:
        with suppress(FileExistsError):
            os.mkdir(letter.INCOMING, letter.FOLDER_MODE, dir_fd=root)
        incoming = _open(folders, letter.INCOMING, FOLDER, root)
        if not self._swept:
            self._swept = True
            letter.sweep(incoming)
        return incoming


def _open(folders: ExitStack, path: Path | str, flags: int, inside: int | None = None) -> int:
    fd = os.open(path, flags, dir_fd=inside)
    folders.callback(os.close, fd)
    return fd


def _refused(code: RefusalCode, text: str) -> Refused:
    return Refused(reason=Reason(code=code.value, text=text))


@hookimpl
def postfach_mailbox() -> type:
    """Return the mailbox class."""
    return DirectoryMailbox
