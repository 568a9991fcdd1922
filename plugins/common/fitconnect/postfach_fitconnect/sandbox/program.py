r"""A server that behaves as FIT-Connect's Submission API does, to try things out.

It gives tokens, takes submissions, opens them as their destinations would, and answers with really
signed event tokens. It is strict: token, order of calls, announced and uploaded attachments, JWE,
metadata, hashes. It listens on this machine only. In its folder it writes

    certificates/ca.pem   for `ca_file`
    CLIENT.secret         for `secret_file`
    keys/                 of the service and of the destinations
    submissions/          what came, encrypted
    arrived/              the same, decrypted; shown on the page https://127.0.0.1:PORT/

and goes on with what lies there. It has these destinations, and those given with --destination:

    6e1f3a52-0000-4000-8000-00000000d001    in use; it takes everything
    6e1f3a52-0000-4000-8000-00000000d002    in use
    6e1f3a52-0000-4000-8000-00000000d008    inactive
    6e1f3a52-0000-4000-8000-00000000d009    decommissioned

It can be made difficult, for one destination, one step, both as DESTINATION/STEP, or for all (`*`):

    curl --cacert FOLDER/certificates/ca.pem -X POST \
        'https://127.0.0.1:PORT/switch?account=submit&do=drop-after&once=1'

    slow N          stores, and answers after N seconds
    busy N          429 with Retry-After: N
    error, away     500; 503; stores nothing
    drop-before     breaks the connection, stores nothing
    drop-after      stores, then breaks the connection instead of answering
    wrong-type      stores, then answers with a page in HTML
    closed          the destination was given up
    clock-skew N    its clock is N seconds ahead; for tokens with account=*
    accept-late N   what is submitted now is accepted after N seconds
    by-hand         what is submitted now waits for /accept or /reject
    reject          what is submitted now is rejected; reject-malware and others: so
    set-...         its token is wrong: set-signature, set-issuer, set-subject, set-type, set-two,
                    set-case, set-time, set-tags, set-key, set-algorithm, set-by
    events-cut      breaks the connection in the middle of an event log
    no-delete       a submission cannot be withdrawn
    good            as at first

Steps: token, jwks, destination, key, create, attachment, submit, events, delete, case, replies,
reply, reply-attachment, acknowledge. By hand (POST; GET /submissions lists them):

    /accept?submission=ID
    /reject?submission=ID&problem=malware
    /reply?submission=ID&subject=TEXT&text=TEXT&filename=NAME    the body is a document
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from postfach_fitconnect.sandbox.app import TOKEN, make_app
from postfach_fitconnect.sandbox.granting import Client
from postfach_fitconnect.sandbox.keyring import BITS, Keyring
from postfach_fitconnect.sandbox.platform import DESTINATIONS, ISSUER, Platform
from postfach_fitconnect.sandbox.receiving import Destination
from postfach_sandbox import ca, program
from postfach_sandbox.issuing import BITS as CERTIFICATE_BITS
from postfach_sandbox.issuing import plain_name
from postfach_sandbox.server import Tls, run

PORT = 8473


def main(arguments: Sequence[str]) -> int:
    """Serve until it is ended."""
    parser = options()
    given = parser.parse_args(arguments)
    names = given.client or ["authority"]
    try:
        files = ca.ensure(given.folder / "certificates", (), bits=min(given.bits, CERTIFICATE_BITS))
        platform = Platform(
            given.folder,
            clients={name: Client(secret=secret(given.folder, name)) for name in names},
            destinations={
                **DESTINATIONS,
                **{each: Destination() for each in given.destination or ()},
            },
            keyring=Keyring(given.folder / "keys", bits=given.bits),
            issuer=given.issuer,
            accept_after=None if given.by_hand else given.accept_after,
        )
    except (OSError, ValueError, TypeError) as error:
        parser.error(str(error))
    return run(
        lambda: make_app(platform),
        port=given.port,
        tls=Tls(certificate=files.server),
        hint=_hint(given, names, files),
    )


def options() -> argparse.ArgumentParser:
    """Return the options that the program knows."""
    prog = "postfach_mailbox_fitconnect.sandbox"
    parser = program.options(prog, __doc__, port=PORT, folder="sandbox-fitconnect")
    parser.add_argument("--client", action="append", help="an API client; default authority")
    parser.add_argument(
        "--destination", type=_uuid, action="append", metavar="UUID", help="one more, in use"
    )
    parser.add_argument("--issuer", default=ISSUER, help="of the service's tokens")
    parser.add_argument(
        "--accept-after", type=float, default=0.0, metavar="SECONDS", help="default: at once"
    )
    parser.add_argument("--by-hand", action="store_true", help="destinations wait for /accept")
    parser.add_argument("--bits", type=int, default=BITS, help="of the RSA keys, 3072 at least")
    return parser


def _uuid(text: str) -> str:
    return str(UUID(text))


def secret(folder: Path, client: str) -> str:
    """Return a client's secret from its file, which is made where there is none."""
    if not plain_name(client):
        raise ValueError(f"--client: {client!r} is no plain file name")
    path = secret_file(folder, client)
    if not path.exists():
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(f"{secrets.token_urlsafe(24)}\n", "ascii")
        new.replace(path)
    return path.read_text("ascii").strip()


def secret_file(folder: Path, client: str) -> Path:
    """Return where a client's secret lies."""
    return folder / f"{client}.secret"


def _hint(given: argparse.Namespace, names: Sequence[str], files: ca.Files) -> str:
    lines = [
        f"token_url is {TOKEN} below it",
        f'issuer = "{given.issuer}"',
        f'ca_file = "{files.ca}"',
        *(
            f'client_id = "{each}"; secret_file = "{secret_file(given.folder, each)}"'
            for each in names
        ),
    ]
    return "".join(f"{each}\n" for each in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
