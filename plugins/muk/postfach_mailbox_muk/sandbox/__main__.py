r"""A gateway as ELSTER-Transfer is assumed to be, and the companies' mailboxes behind it.

It checks the client's certificate, order, fields, size and digest of each uploaded document, takes
an order at once, and decides on it later. It listens on this machine only. In its folder it writes

    certificates/ca.pem         for `ca_file`
    certificates/NAME.p12       for `certificate_file`, with the password in NAME.password
    orders/, uploads/           what was taken
    arrived/                    what mailboxes have; shown on the page https://127.0.0.1:PORT/

and goes on with what lies there. It has these accounts:

    du-20000000-0000-4000-8000-000000000002    substantial
    du-10000000-0000-4000-8000-000000000001    low
    du-90000000-0000-4000-8000-000000000009    closed
    du-70000000-0000-4000-8000-000000000007    another service provider's

It can be made difficult: for orders to one account, for one step (upload, state, replies, document,
take), or for all (`*`):

    curl --cacert FOLDER/certificates/ca.pem -X POST \
        'https://127.0.0.1:PORT/switch?account=upload&do=busy&value=3&once=1'

    slow N            stores, and answers after N seconds
    busy N            429 with Retry-After: N
    error, away       500; 503; stores nothing
    drop-before       breaks the connection, stores nothing
    drop-after        stores, then breaks the connection instead of answering
    wrong-type        stores, then answers with a page in HTML
    closed            the account was closed: what is ordered now is refused later
    clock-skew N      its clock is N seconds ahead
    deposit-late N    what is ordered now is deposited after N seconds
    by-hand           what is ordered now waits for /deposit or /refuse
    refuse-...        what is ordered now is refused later: refuse-malware-found and others
    forget            what is ordered now is taken and lost
    good              as at first

By hand (POST; GET /orders lists them):

    /deposit?order=ID
    /refuse?order=ID&reason=LEVEL_TOO_LOW
    /reply?order=ID&subject=TEXT&text=TEXT&filename=NAME    the body is a document
"""

import argparse
import sys
from collections.abc import Sequence

from postfach_mailbox_muk.sandbox.app import make_app
from postfach_mailbox_muk.sandbox.service import Service
from postfach_sandbox import ca, program
from postfach_sandbox.issuing import BITS
from postfach_sandbox.server import Tls, run

PORT = 8474


def options() -> argparse.ArgumentParser:
    """Return the options that the program knows."""
    prog = "postfach_mailbox_muk.sandbox"
    parser = program.options(prog, __doc__, port=PORT, folder="sandbox-muk")
    parser.add_argument("--name", action="append", help="CN of a sender; default authority")
    parser.add_argument(
        "--deposit-after", type=float, default=0.0, metavar="SECONDS", help="default: at once"
    )
    parser.add_argument("--by-hand", action="store_true", help="orders wait for /deposit")
    parser.add_argument("--bits", type=int, default=BITS, help="of the RSA keys")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Serve until it is ended."""
    parser = options()
    given = parser.parse_args(arguments)
    names = given.name or ["authority"]
    try:
        files = ca.ensure(given.folder / "certificates", names, bits=given.bits)
        service = Service(
            given.folder,
            senders=frozenset(names),
            after=None if given.by_hand else given.deposit_after,
        )
    except (OSError, ValueError, TypeError) as error:
        parser.error(str(error))
    return run(
        lambda: make_app(service),
        port=given.port,
        tls=Tls(certificate=files.server, ca=files.ca, client="optional"),
        hint=program.hint(files),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
