"""Whose mailbox an address is, and whether a notice fits it.

Pure: works from the capabilities that a mailbox told once, also while it is down, so that what it
cannot take is refused at intake and not after days of retries.
"""

from collections.abc import Mapping
from datetime import datetime

from hub.errors import HubError, NoticeRefused, RefusalClass
from hub.model import AssuranceLevel, MailboxAddress, Notice, StatusUpdate, Submission
from postfach_mailbox.capabilities import Capabilities

INVALID_COMBINATION, TOO_LARGE, PROFILE_VIOLATED, UNKNOWN_ID = "9022", "9023", "9052", "9070"


class NotYetKnown(HubError):
    """Whose mailbox it is cannot be said until `mailboxes` have told their capabilities.

    Not a refusal: the drop waits as a claim and is tried again.
    """

    exit_code = 75

    def __init__(self, mailboxes: tuple[str, ...]) -> None:
        super().__init__(
            "not yet recognised: a mailbox has never told its capabilities",
            where="/Notice/Mailbox",
            fix=f"Start {', '.join(mailboxes)}; hub doctor says what keeps it",
        )
        self.mailboxes = mailboxes


def recognise(
    address: MailboxAddress, candidates: Mapping[str, tuple[str | None, Capabilities | None]]
) -> str:
    """Return the name of the mailbox that `address` is for.

    candidates: the tenant's mailboxes by name: scheme as hub.toml or the plugin gives it, and the
        capabilities; None for what is not known yet
    Raises NoticeRefused where none or several fit, NotYetKnown where that cannot be said yet.
    """
    candidates = {  # a relay gets what failed, and nothing at first
        name: (own, told)
        for name, (own, told) in candidates.items()
        if told is None or not told.relays
    }
    if address.scheme is not None:
        return _by_scheme(address.scheme, candidates)
    unknown = tuple(sorted(name for name, (_, told) in candidates.items() if told is None))
    fitting = sorted(
        name for name, (_, told) in candidates.items() if told and told.normal(address.id)
    )
    if len(fitting) > 1:
        raise _refused(
            UNKNOWN_ID,
            f"mailbox id fits several mailboxes: {_schemes(candidates, fitting)}",
            "Name one by Mailbox/@scheme",
        )
    if unknown:
        raise NotYetKnown(unknown)
    if not fitting:
        raise _refused(
            UNKNOWN_ID,
            f"mailbox id fits no mailbox of this tenant: {_schemes(candidates, candidates)}",
            "Correct the id",
        )
    return fitting[0]


def _by_scheme(
    scheme: str, candidates: Mapping[str, tuple[str | None, Capabilities | None]]
) -> str:
    fitting = sorted(name for name, (own, _) in candidates.items() if own == scheme)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise _refused(
            UNKNOWN_ID,
            f"scheme is that of several mailboxes: {', '.join(fitting)}",
            "Ask the hub's operator: a tenant has one mailbox for each scheme",
        )
    if unknown := tuple(sorted(name for name, (own, _) in candidates.items() if own is None)):
        raise NotYetKnown(unknown)
    raise _refused(
        UNKNOWN_ID,
        "scheme is none of this tenant's mailboxes",
        f"Known: {_schemes(candidates, candidates)}",
    )


def _schemes(
    candidates: Mapping[str, tuple[str | None, Capabilities | None]],
    names: "list[str] | Mapping[str, object]",
) -> str:
    return ", ".join(sorted(candidates[name][0] or name for name in names)) or "none"


def check(
    notice: Submission, capabilities: Capabilities | None, *, sandbox: bool, now: datetime
) -> None:
    """Raise NoticeRefused where a notice, or a status, may not, or cannot, go to this mailbox.

    capabilities: None where the mailbox never told them: only what does not need them is checked,
        and the rest when they come
    sandbox: whether the mailbox is marked so; test notices go there, and nothing else
    now: aware; against it `NotBefore` and `ObsoleteAfter` are read
    """
    _check_time(notice, sandbox=sandbox, now=now)
    if isinstance(notice, StatusUpdate):
        if capabilities is not None:
            _check_status(notice, capabilities)
        return
    if notice.mailbox_use_excluded:
        raise _refused(
            PROFILE_VIOLATED,
            "use of the mailbox is excluded (section 9 (1) sentence 2 OZG)",
            "Deliver it another way",
            "/Notice/MailboxUse",
        )
    if capabilities is not None:
        _check_promises(notice, capabilities)
        _check_lengths(notice, capabilities)
        _check_documents(notice, capabilities)


def _check_time(notice: Submission, *, sandbox: bool, now: datetime) -> None:
    if notice.test != sandbox:
        kind = ("a test notice", "a real one") if notice.test else ("a real notice", "a sandbox")
        raise _refused(
            PROFILE_VIOLATED,
            f"{kind[0]} for {kind[1]} mailbox" if notice.test else f"{kind[0]} for {kind[1]}",
            "Test notices go only to mailboxes marked `sandbox = true`, real ones to the others",
            f"/{notice.ROOT}/{'TestNotice' if notice.test else 'Mailbox'}",
        )
    end = notice.obsolete_after
    if end is not None and end <= now:
        raise _refused(
            INVALID_COMBINATION,
            "ObsoleteAfter is past",
            "Hand it in earlier, or give a later end",
            f"/{notice.ROOT}/ObsoleteAfter",
        )
    if end is not None and notice.not_before is not None and end <= notice.not_before:
        raise _refused(
            INVALID_COMBINATION,
            "ObsoleteAfter is not later than NotBefore",
            "Leave time between them",
            f"/{notice.ROOT}/ObsoleteAfter",
        )


def _check_status(update: StatusUpdate, capabilities: Capabilities) -> None:
    path = f"/{update.ROOT}/Mailbox"
    if not capabilities.status:
        raise _refused(
            INVALID_COMBINATION,
            "mailbox does not show the state of an application",
            "Hand it in for a mailbox that does, or tell the applicant by a notice",
            path,
        )
    if capabilities.normal(update.mailbox.id) is None:
        what = "mailbox id is not one of this mailbox's form"
        raise _refused(UNKNOWN_ID, what, "Correct the id", path)


def _check_promises(notice: Notice, capabilities: Capabilities) -> None:
    if capabilities.normal(notice.mailbox.id) is None:
        raise _refused(UNKNOWN_ID, "mailbox id is not one of this mailbox's form", "Correct the id")
    if notice.legal_basis.value not in capabilities.legal_bases:
        raise _refused(
            PROFILE_VIOLATED,
            "mailbox does not serve this legal basis",
            f"It serves: {', '.join(sorted(capabilities.legal_bases))}",
            "/Notice/LegalBasis",
        )
    highest = AssuranceLevel(capabilities.assurance_level)
    if notice.assurance_level.rank > highest.rank:
        raise _refused(
            PROFILE_VIOLATED,
            f"mailbox has at most the assurance level {highest}",
            "Use another mailbox, or deliver it another way",
            "/Notice/AssuranceLevel",
        )


def _check_lengths(notice: Notice, capabilities: Capabilities) -> None:
    sender = notice.author.name or notice.author.identifier
    lengths = (
        ("/Notice/Subject", len(notice.subject), capabilities.subject_max),
        ("/Notice/Author", len(sender), capabilities.sender_max),
        ("/Notice/Text", len(notice.text or ""), capabilities.text_max),
    )
    for path, length, most in lengths:
        if most is not None and length > most:
            raise _refused(
                TOO_LARGE,
                f"{length} characters; the mailbox takes {most}",
                f"Shorten it to {most} characters",
                path,
            )


def _check_documents(notice: Notice, capabilities: Capabilities) -> None:
    documents = notice.documents
    if len(documents) > capabilities.max_count:
        raise _refused(
            TOO_LARGE,
            f"{len(documents)} documents; the mailbox takes {capabilities.max_count}",
            "Hand in fewer",
            f"/Notice/Document[{capabilities.max_count + 1}]",
        )
    total = 0
    for place, document in enumerate(documents, start=1):
        path = f"/Notice/Document[{place}]"
        total += document.size
        most = capabilities.max_file
        if document.size > most or total > capabilities.max_total:
            whose = f"{document.size} bytes" if document.size > most else f"{total} bytes in all"
            most = most if document.size > most else capabilities.max_total
            raise _refused(
                TOO_LARGE,
                f"{whose}; the mailbox takes {most}",
                "Hand in less, or deliver it another way",
                path,
                document.line,
            )
        if not capabilities.takes(document.content_type):
            raise _refused(
                PROFILE_VIOLATED,
                "mailbox does not take documents of this type",
                f"It takes: {', '.join(capabilities.media_types)}",
                path,
                document.line,
            )


def _refused(
    code: str, what: str, fix: str, path: str = "/Notice/Mailbox", line: int | None = None
) -> NoticeRefused:
    return NoticeRefused(RefusalClass.MAILBOX_REFUSED, code, what, fix=fix, line=line, path=path)
