"""The layers after the tenant's: names, sizes and digests of the documents.

A name is one plain file name that means the same on every system it may reach, and does not hide
what the file is. It is refused by what it may hold, not by a list of bad names.

Source: RFC 6838 for media types; "Naming Files, Paths, and Namespaces" (Windows) for reserved
names; Unicode Technical Report 36 for invisible and direction marks.
"""

import hashlib
import re
import unicodedata

from hub.envelope.limits import Limits
from hub.errors import NoticeRefused, RefusalClass
from hub.model import SHA256, Document, Submission

_LETTERS = ("L", "M", "N")  # Unicode categories: letters, marks, numbers
_MARKS = frozenset(" ._-+()[]{},&'!@#=~%§€\N{EN DASH}")
_MAX_NAME = 255  # bytes; what common file systems take
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_RESERVED = re.compile(
    r"con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$", re.IGNORECASE
)
_PROGRAMS = re.compile(
    r"""ad[ep] | apk | app | appx | bat | chm | cmd | com | cpl | dll | dmg | exe | hta | img | inf
    | ins | iso | jar | jse? | lnk | mde | mht | mhtml | ms[ci] | msix | ms[pt] | pif | ps1 | psm1
    | py[cw]? | rb | reg | scf | scr | sct | settingcontent-ms | sh | shb | sys | url | vb[es]?
    | vhdx? | vxd | webloc | ws[cfh] | xll""",
    re.VERBOSE,
)
_PAGES = re.compile(
    r"htm | html | xhtml | shtml | xht | svgz? | 7z | gz | rar | tar | zip", re.VERBOSE
)
# What an extension promises; a name that promises another type than the envelope misleads.
_TYPES = {
    "pdf": ("application/pdf",),
    "txt": ("text/plain",),
    "csv": ("text/csv", "text/plain"),
    "htm": ("text/html",),
    "html": ("text/html",),
    "xml": ("application/xml", "text/xml"),
    "json": ("application/json",),
    "jpg": ("image/jpeg",),
    "jpeg": ("image/jpeg",),
    "png": ("image/png",),
    "gif": ("image/gif",),
    "tif": ("image/tiff",),
    "tiff": ("image/tiff",),
    "svg": ("image/svg+xml",),
    "zip": ("application/zip", "application/x-zip-compressed"),
    "rtf": ("application/rtf", "text/rtf"),
    "doc": ("application/msword",),
    "xls": ("application/vnd.ms-excel",),
    "odt": ("application/vnd.oasis.opendocument.text",),
    "ods": ("application/vnd.oasis.opendocument.spreadsheet",),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
}


def check_names(notice: Submission) -> None:
    """Refuse names that are no single plain file name, mislead, or occur twice.

    Raises NoticeRefused (AttachmentRejected). Two names are the same if a system that ignores
    case and form of characters takes them for the same.
    """
    seen: set[str] = set()
    for number, document in enumerate(notice.documents, 1):
        fault = _fault(document.filename) or _misleads(document)
        if fault is None:
            folded = unicodedata.normalize("NFKC", document.filename).casefold()
            twice = "the name stands in another document of the notice, too"
            fault = twice if folded in seen else None
            seen.add(folded)
        if fault is not None:
            raise _rejected(notice, number, fault, "/@filename", "9052")


def check_sizes(notice: Submission, limits: Limits) -> None:
    """Refuse documents over the limits, and those in the envelope that are not as long as said.

    Raises NoticeRefused (LimitExceeded, AttachmentRejected). Files of the drop are measured when
    they are read.
    """
    check_limits(notice, limits)
    for number, document in enumerate(notice.documents, 1):
        if document.data is not None and len(document.data) != document.size:
            raise _rejected(notice, number, "the size is not that of the bytes", "/@size", "9022")


def check_limits(notice: Submission, limits: Limits) -> None:
    """Refuse announced sizes over the limits. Raises NoticeRefused (LimitExceeded)."""
    for number, document in enumerate(notice.documents, 1):
        if document.size > limits.document:
            what = f"a document is larger than {limits.document} bytes"
            raise _exceeded(what, f"{_path(notice, number)}/@size", document.line)
    if sum(document.size for document in notice.documents) > limits.drop:
        raise _exceeded(f"the documents are larger than {limits.drop} bytes", "/Notice", None)


def check_digests(notice: Submission) -> None:
    """Refuse documents inside the envelope whose bytes have another digest.

    Raises NoticeRefused (AttachmentRejected). Files of the drop are hashed when they are read.
    """
    for number, document in enumerate(notice.documents, 1):
        if document.data is None:
            continue
        algorithm = "sha256" if document.digest_method == SHA256 else "sha512"
        if hashlib.new(algorithm, document.data).hexdigest() != document.digest:
            what = "the digest is not that of the bytes"
            raise _rejected(notice, number, what, "/Digest", "9022")


def _fault(name: str) -> str | None:
    """Return what keeps the name from being a single plain file name; None if nothing does."""
    if not name:
        return "the name is empty"
    if len(name.encode()) > _MAX_NAME:
        return f"the name is longer than {_MAX_NAME} bytes"
    if not all(char in _MARKS or unicodedata.category(char)[0] in _LETTERS for char in name):
        return "the name holds characters other than letters, digits, blanks and a few marks"
    if _ENCODED.search(name):
        return "the name holds characters in URL encoding"
    if name[0] in " .-~" or name[-1] in " .~":
        return "the name begins or ends with a blank, dot or tilde, or begins with a hyphen"
    if unicodedata.category(name[0])[0] == "M":
        return "the name begins with a mark that combines with a letter before it"
    if _RESERVED.fullmatch(name.partition(".")[0].rstrip(" ")):
        return "the name is reserved on some systems"
    return None


def _misleads(document: Document) -> str | None:
    """Return how the name misleads about what the document is; None if it does not."""
    suffixes = [part.strip(" ").lower() for part in document.filename.split(".")[1:]]
    if not suffixes:
        return None
    last, inner = suffixes[-1], suffixes[:-1]
    if _PROGRAMS.fullmatch(last):
        return "the name is that of a program"
    if _PAGES.fullmatch(last) and any(suffix in _TYPES for suffix in inner):
        return "the name has two extensions"
    promised = _TYPES.get(last)
    content_type = document.content_type.lower()
    # An XML format of its own (application/xoev+xml) may be called .xml.
    kindred = last == "xml" and content_type.endswith("+xml")
    if promised is not None and content_type not in promised and not kindred:
        return "the name's extension is that of another media type"
    return None


def _path(notice: Submission, number: int) -> str:
    return "/Notice/Document" + (f"[{number}]" if len(notice.documents) > 1 else "")


def _rejected(notice: Submission, number: int, what: str, part: str, code: str) -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.ATTACHMENT_REJECTED,
        code,
        what,
        fix="Correct the document and hand the notice in again; its MessageID may stay",
        line=notice.documents[number - 1].line,
        path=_path(notice, number) + part,
    )


def _exceeded(what: str, path: str, line: int | None) -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.LIMIT_EXCEEDED,
        "9023",
        what,
        fix="Hand in fewer or smaller documents",
        line=line,
        path=path,
    )
