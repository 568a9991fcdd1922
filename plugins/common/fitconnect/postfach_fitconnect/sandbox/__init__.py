"""The sandbox: a server that behaves as FIT-Connect (Submission API, v2) does, as far as is known.

In this process: `with serving(Platform(folder, clients=...), files) as served`. As a program: see
`--help` of `python -m postfach_mailbox_fitconnect.sandbox`. As a bridge: a Destination with
`forwards`. Needs the extra `sandbox`.

    platform     Platform: all parts; destinations that there are
    app          HTTP; desk, replydesk: paths; managing: those for a person
    granting     clients and tokens
    submissions  what the API does with one; cases, replying: what belongs to it
    receiving    Destination; what it opens and checks
    deciding     accept and reject
    telling      event tokens
    switching    switches
    attempt      a valid submission, made without the client's code, to be spoilt
    trial        a served sandbox for tests
    farside      what the kits of mailboxes share

What both sides must agree on is in `assumed`. Beside it the sandbox, where nothing is known, takes
the strict side: every request with a body has a Content-Length; JSON has no member that is not
known, and none twice; a JWE's header has `alg`, `enc`, `kid`, and at most `cty` and `typ`, which is
looked at from outside at once (422), while what only the destination can see becomes a reject; a
submission of another client is 403, its case and its replies are 404; one that was withdrawn is
404; an attachment may be uploaded again until the submit, and its order is free; all that is wrong
with a submission is one problem, the first that was found.
"""

from postfach_fitconnect.sandbox.app import TOKEN, make_app, serving
from postfach_fitconnect.sandbox.granting import Client
from postfach_fitconnect.sandbox.keyring import Keyring
from postfach_fitconnect.sandbox.platform import (
    ACTIVE,
    BRIDGE,
    DECOMMISSIONED,
    DESTINATIONS,
    INACTIVE,
    ISSUER,
    OTHER,
    UNKNOWN,
    Platform,
)
from postfach_fitconnect.sandbox.program import main
from postfach_fitconnect.sandbox.receiving import Destination, Forward, Handed
from postfach_fitconnect.sandbox.records import Record, State

__all__ = [
    "ACTIVE",
    "BRIDGE",
    "DECOMMISSIONED",
    "DESTINATIONS",
    "INACTIVE",
    "ISSUER",
    "OTHER",
    "TOKEN",
    "UNKNOWN",
    "Client",
    "Destination",
    "Forward",
    "Handed",
    "Keyring",
    "Platform",
    "Record",
    "State",
    "main",
    "make_app",
    "serving",
]
