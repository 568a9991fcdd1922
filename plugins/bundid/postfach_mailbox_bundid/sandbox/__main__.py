r"""A server that behaves as the citizen's mailbox (ZBP v6) does, to try things out.

It checks the client's certificate, the token, the signature over the exact bytes, all fields, and
order, length and digest of the files. It listens on this machine only. In its folder it writes

    certificates/ca.pem         for `ca_file`
    certificates/NAME.p12       for `certificate_file`, with the password in NAME.password
    certificates/expired.p12    must be refused, as must stranger.p12
    arrived/                    what arrived, byte for byte; shown on the page https://127.0.0.1:PORT/

and goes on with what lies there. It has these mailboxes, and those given with --account:

    10000000-0000-4000-8000-000000000001    level 1
    30000000-0000-4000-8000-000000000003    level 3 (substantial)
    40000000-0000-4000-8000-000000000004    level 4 (high)
    90000000-0000-4000-8000-000000000009    deleted

With --fitconnect PORT it is also reached through FIT-Connect: its sandbox is served there, and its
bridge, the destination 6e1f3a52-0000-4000-8000-00000000d00b, hands on what is submitted to it. What
that one needs lies in fitconnect/ (authority.secret for `secret_file`), and

    python -m postfach_mailbox_fitconnect.sandbox --help

tells how it is made difficult (its own distribution; the switches are those of that port).

With --mail FOLDER recipients read and answer, and the service writes e-mails into that folder:

    curl --cacert FOLDER/certificates/ca.pem -X POST 'https://127.0.0.1:PORT/read?message=ARRIVAL'
    curl ... --data-binary @FILE '.../reply?message=ARRIVAL&text=TEXT&filename=NAME'

It can be made difficult, for one mailbox or for all (`*`; of a state, the application's id):

    curl --cacert FOLDER/certificates/ca.pem -X POST \
        'https://127.0.0.1:PORT/switch?account=MAILBOX&do=busy&value=3&once=1'

    slow N          stores, and answers after N seconds
    busy N          429 with Retry-After: N
    error, away     500; 503; stores nothing
    drop-before     breaks the connection, stores nothing
    drop-after      stores, then breaks the connection instead of answering
    wrong-type      stores, then answers with a page in HTML
    closed          the mailbox was deleted
    clock-skew N    its clock is N seconds ahead; for tokens with account=*
    good            as at first
"""

import argparse
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from cryptography import x509

from postfach_fitconnect import sandbox as fitconnect
from postfach_fitconnect.assumed import KEY_BITS_MIN
from postfach_fitconnect.sandbox.program import secret_file
from postfach_mailbox_bundid.sandbox import bridging
from postfach_mailbox_bundid.sandbox.app import make_app
from postfach_mailbox_bundid.sandbox.service import ACCOUNTS, Account, Service
from postfach_sandbox import ca, program
from postfach_sandbox.issuing import BITS
from postfach_sandbox.server import Tls, run

PORT = 8472


def account(text: str) -> tuple[str, Account]:
    """Read UUID=LEVEL. Raises ValueError."""
    found = re.fullmatch(r"([0-9a-fA-F-]{36})=([1-4])", text)
    if found is None:
        raise ValueError(text)
    return str(UUID(found[1])), Account(level=int(found[2]))


def options() -> argparse.ArgumentParser:
    """Return the options that the program knows."""
    prog = "postfach_mailbox_bundid.sandbox"
    parser = program.options(prog, __doc__, port=PORT, folder="sandbox-bundid")
    parser.add_argument("--name", action="append", help="CN of a sender; default authority")
    parser.add_argument(
        "--account", type=account, action="append", metavar="UUID=LEVEL", help="one more mailbox"
    )
    parser.add_argument(
        "--fitconnect", type=int, metavar="PORT", help="serve FIT-Connect with its bridge there"
    )
    parser.add_argument(
        "--mail", type=Path, metavar="FOLDER", help="write e-mails there: POST /read and /reply"
    )
    parser.add_argument("--bits", type=int, default=BITS, help="of the RSA keys")
    parser.add_argument(
        "--handshake",
        action="store_true",
        help="refuse who shows no certificate in the handshake, not with 403; also for the page",
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Serve until it is ended."""
    parser = options()
    given = parser.parse_args(arguments)
    names = given.name or ["authority"]
    with ExitStack() as stack:
        return _serve(parser, given, names, stack)


def _serve(
    parser: argparse.ArgumentParser,
    given: argparse.Namespace,
    names: Sequence[str],
    stack: ExitStack,
) -> int:
    try:
        files = ca.ensure(given.folder / "certificates", names, bits=given.bits)
        service = Service(
            given.folder / "arrived",
            accounts={**ACCOUNTS, **dict(given.account or ())},
            senders=frozenset(names),
            authority=x509.load_pem_x509_certificate(files.ca.read_bytes()),
        )
        hint = _before_it(given, service, files, stack)
    except (OSError, ValueError, TypeError) as error:
        parser.error(str(error))
    return run(
        lambda: make_app(service, given.mail),
        port=given.port,
        tls=Tls(
            certificate=files.server,
            ca=files.ca,
            client="required" if given.handshake else "optional",
        ),
        hint=program.hint(files) + hint,
    )


def _before_it(
    given: argparse.Namespace, service: Service, files: ca.Files, stack: ExitStack
) -> str:
    """Serve FIT-Connect where it is asked for, until `stack` ends; return what to tell of it."""
    if given.fitconnect is None:
        return ""
    made = bridging.platform(
        given.folder / "fitconnect", service, bits=max(given.bits, KEY_BITS_MIN)
    )
    served = stack.enter_context(fitconnect.serving(made, files, port=given.fitconnect))
    return (
        f"FIT-Connect on {served.url}/, token_url {served.url}{fitconnect.TOKEN}\n"
        f'issuer = "{made.issuer}"; destination = "{fitconnect.BRIDGE}"\n'
        f'client_id = "{bridging.CLIENT}"; '
        f'secret_file = "{secret_file(given.folder / "fitconnect", bridging.CLIENT)}"\n'
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
