"""The errors that the hub raises on purpose.

Each says what happened, where, and what to do. The class decides the exit code (sysexits.h) and
what becomes of the work at hand:

    HubError
    +-- UsageError 64       the command line cannot be meant so
    +-- NoticeRefused 65    a drop is not acceptable; ends in a receipt, loses nothing
    +-- DataInvalid 65      a file or id given to a command is not what it should be
    +-- NotAvailable 69     something needed is not there
    +-- CannotCreate 73     a file or folder cannot be made
    +-- StorageFailed 74    reading or writing failed; what was not confirmed is worked again
    +-- TryLater 75         the run itself cannot go on now
    +-- NoPermission 77     rights are missing
    +-- ConfigError 78      hub.toml is wrong
    +-- JournalInvalid 78   the database is not one this hub may work on

Texts never hold payload, names of recipients or secrets.
"""

import errno
from enum import StrEnum


class HubError(Exception):
    """An error raised on purpose; `exit_code` follows sysexits.h."""

    exit_code = 70

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        super().__init__(f"{where}: {what}. {fix}")
        self.what, self.where, self.fix = what, where, fix


# What these say is said of the machine, wherever it comes up: it is no bug.
MACHINE = frozenset(
    {
        *(errno.EIO, errno.ESTALE, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    }
)


def machine_failed(error: OSError) -> "StorageFailed | None":
    """Return what an error says of the machine; None where it may be a bug."""
    if error.errno not in MACHINE:
        return None
    return StorageFailed(
        error.strerror or str(error),
        where=str(error.filename or "this machine"),
        fix="See to its disk, memory and limits (hub doctor); nothing that was confirmed is lost",
    )


class UsageError(HubError):
    """The command line cannot be meant so."""

    exit_code = 64


class DataInvalid(HubError):
    """A file or id given to a command is not what it should be."""

    exit_code = 65


class NotAvailable(HubError):
    """Something needed is not there: a package, a tool, a mailbox."""

    exit_code = 69


class CannotCreate(HubError):
    """A file or folder cannot be made."""

    exit_code = 73


class StorageFailed(HubError):
    """Reading or writing failed; what was not confirmed is worked again."""

    exit_code = 74


class TryLater(HubError):
    """The run itself cannot go on now; started again later, it goes on where it stopped."""

    exit_code = 75


class NoPermission(HubError):
    """Rights on a file or folder are missing."""

    exit_code = 77


class ConfigError(HubError):
    """hub.toml, or a file it names, is wrong; `errors` holds every finding as one line."""

    exit_code = 78

    def __init__(self, what: str, *, where: str, fix: str, errors: tuple[str, ...] = ()) -> None:
        super().__init__(what, where=where, fix=fix)
        self.errors = errors or (str(self),)


class JournalInvalid(HubError):
    """The database's settings, version or owner forbid working on it."""

    exit_code = 78


class RefusalClass(StrEnum):
    """Why a drop is refused. Each hostile input belongs to exactly one."""

    XML_FORBIDDEN = "XmlForbidden"
    XML_MALFORMED = "XmlMalformed"
    LIMIT_EXCEEDED = "LimitExceeded"
    SCHEMA_INVALID = "SchemaInvalid"
    SIGNATURE_INVALID = "SignatureInvalid"
    SPOOL_FILE_REJECTED = "SpoolFileRejected"
    ATTACHMENT_REJECTED = "AttachmentRejected"
    TENANT_VIOLATION = "TenantViolation"
    DUPLICATE_CONFLICT = "DuplicateConflict"
    MAILBOX_REFUSED = "MailboxRefused"
    INTERNAL = "Internal"


class NoticeRefused(HubError):
    """A drop is not acceptable: says its class, code, and the element's line and path.

    code: error number of XTA 2 (9022, 9023, 9024, 9030, 9050, 9051, 9052, 9010..9014, 9070)
    line: line in the envelope, 1 or more, where one is known
    path: path of the element in the envelope (`/Notice/Document[2]`), where one is known
    """

    exit_code = 65

    def __init__(
        self,
        refusal: RefusalClass,
        code: str,
        what: str,
        *,
        fix: str,
        line: int | None = None,
        path: str | None = None,
    ) -> None:
        place = path or "envelope"
        super().__init__(what, where=f"line {line}, {place}" if line else place, fix=fix)
        self.refusal, self.code, self.line, self.path = refusal, code, line, path
