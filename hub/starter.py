"""`hub init`: everything that a hub needs to run for the first time, in one folder.

hub.toml          commented; two mailboxes of the plugin `directory`, one procedure
spool/            the procedure's folders
keys/             keys for trying out (hub.trial)
var/mailboxes/    the mailboxes' roots with accounts: anna, ben, and carla, which is closed
examples/         a notice and its document, to hand in
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub import schemas, trial
from hub.errors import CannotCreate
from hub.spool.folders import MARKER

HUB, TENANT, PROCEDURE = "hub.example.mv", "rostock", "bauamt"
ACCOUNTS = {"archive": ("registry",), "citizens": ("anna", "ben", "carla")}
CLOSED = "carla"
# Both sides write in `in` and `out`; setgid keeps what one side makes readable to the other.
MODES = {"in": 0o2770, "out": 0o2770, "rejected": 0o2750, ".claimed": 0o700}


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was written."""

    config: Path
    notice: Path
    document: Path
    procedure: str  # as `hub submit --to` wants it: `tenant/procedure`


def init(folder: Path, at: datetime) -> Started:
    """Write a first hub into `folder`, which is made if need be.

    at: now, aware. Raises CannotCreate where the folder is not empty or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            fix = "Name a folder that is not there yet"
            raise CannotCreate("the folder is not empty", where=str(folder), fix=fix)
        return _write(folder, at)
    except OSError as error:
        what = error.strerror or type(error).__name__
        fix = "Name a folder that you may write"
        raise CannotCreate(what, where=str(error.filename or folder), fix=fix) from error


def make_procedure(folder: Path) -> None:
    """Make a procedure's folders in the spool, and the marker; what is there stays as it is.

    folder: `<spool>/<tenant>/<procedure>`. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, mode in MODES.items():
        _make(folder / name, mode)
    marker = folder / "out" / MARKER
    try:
        with marker.open("x", encoding="ascii") as file:
            file.write(f"{uuid.uuid4()}\n")
    except FileExistsError:
        return
    marker.chmod(0o640)


def _make(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    folder.chmod(mode)  # not by mkdir: the umask would take from it, and setgid is not its to give


def _write(folder: Path, at: datetime) -> Started:
    _make(folder / "var", 0o700)
    make_procedure(folder / "spool" / TENANT / PROCEDURE)
    trial.make_trial_keys(folder / "keys", HUB, at)
    for mailbox, accounts in ACCOUNTS.items():
        root = folder / "var" / "mailboxes" / mailbox
        root.mkdir(parents=True)
        (root / ".mailbox").touch()
        for account in accounts:
            (root / account).mkdir()
            if account == CLOSED:
                (root / account / ".closed").touch()
    started = Started(
        config=folder / "hub.toml",
        notice=folder / "examples" / "notice.xml",
        document=folder / "examples" / "notice.pdf",
        procedure=f"{TENANT}/{PROCEDURE}",
    )
    started.notice.parent.mkdir()
    document = (schemas.folder() / "examples" / "notice-reference.pdf").read_bytes()
    started.document.write_bytes(document)
    started.notice.write_text(_notice(document, at), encoding="utf-8")
    started.config.write_text(HUB_TOML, encoding="utf-8")
    return started


def _notice(document: bytes, at: datetime) -> str:
    return NOTICE.format(
        uuid=uuid.uuid4(),
        at=at.isoformat(timespec="seconds"),
        size=len(document),
        sha256=hashlib.sha256(document).hexdigest(),
    )


NOTICE = """\
<?xml version="1.0" encoding="UTF-8"?>
<Notice xmlns="urn:postfachdienst:envelope:1" version="1.0">
  <MessageID>urn:de:xta:messageid:bauamt:{uuid}</MessageID>
  <CreatedAt>{at}</CreatedAt>
  <Author identifierScheme="ags" name="Bauamt">130030000000</Author>
  <CaseReference>BA-2026-0815</CaseReference>
  <Mailbox scheme="citizens">anna</Mailbox>
  <Service>urn:de:fim:leika:leistung:99012012001000</Service>
  <MessageType>Bescheid</MessageType>
  <Subject>Ihre Baugenehmigung</Subject>
  <LegalBasis>OZG9</LegalBasis>
  <AssuranceLevel>substantial</AssuranceLevel>
  <Document id="d1" role="notice" filename="Baugenehmigung.pdf"
            contentType="application/pdf" size="{size}">
    <Digest method="http://www.w3.org/2001/04/xmlenc#sha256">{sha256}</Digest>
    <Reference>notice.pdf</Reference>
  </Document>
</Notice>
"""

HUB_TOML = """\
# Settings of the hub. Relative paths count from this file's folder; durations and sizes carry a
# unit. `hub config check` names every error with its line, `hub config show` what is in effect.
# All keys: docs/reference/configuration.md

[hub]
name = "hub.example.mv"           # who issues receipts
database = "sqlite:///var/hub.db"
stop_grace = "60s"                # how long a stop waits for calls in flight
watchdog = "5m"                   # a hub that stands still for so long ends, with 75

[spool]
path = "spool"                    # <tenant>/<procedure>/ with in, out, rejected
rescan = "2s"

[seal]
key = "file:keys/seal.p12"        # a key for trying out: put your own here
password_file = "keys/seal.pass"

[vault]
path = "var/vault"
master_key_file = "keys/master.key" # without it nothing in the vault can be read: keep a copy apart

[retry]
wait = "60,300,900,3600,14400"    # seconds between attempts; the last repeats
give_up = "7d"

[retention]
payload = "14d"                   # from the final state; sooner once the final receipt was taken
rejected = "30d"
warn_untaken = "3d"

[limits]
envelope = "16MiB"
document = "1GiB"
drop = "2GiB"
free_space = "256MiB"             # stays free on each disk: with less nothing more is taken

[tenants.rostock]
mailboxes = ["archive", "citizens"] # what this tenant may use

[tenants.rostock.procedures.bauamt]
authors = ["ags:130030000000"]    # who may appear as Author in this procedure's folder
settle = "0s"                     # longer for transfers that cannot rename
accepted_receipt = "when-waiting" # always, never
# owner = "bauamt-transfer"       # only this user's files are taken

[mailboxes.archive]
plugin = "directory"              # a folder as a mailbox
scheme = "archive"                # how <Mailbox scheme="..."> names it

[mailboxes.archive.config]        # the plugin's own settings
path = "var/mailboxes/archive"

[mailboxes.citizens]
plugin = "directory"
scheme = "citizens"
wait = "5,30,60,300"              # a schedule of its own

[mailboxes.citizens.config]
path = "var/mailboxes/citizens"
"""
