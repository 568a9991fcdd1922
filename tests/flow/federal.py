"""The citizens' mailboxes and FIT-Connect, as real processes over TLS, and a hub that uses them."""

import json
import re
import ssl
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.flow.world import AT_MOST, HUB, World, until

LOW = "10000000-0000-4000-8000-000000000001"
HIGH = "40000000-0000-4000-8000-000000000004"
DELETED = "90000000-0000-4000-8000-000000000009"
DESTINATION = "6e1f3a52-0000-4000-8000-00000000d001"
BRIDGE = "6e1f3a52-0000-4000-8000-00000000d00b"
ISSUER = "https://submission.sandbox.example"
TABLES = {
    "bundid": """
[mailboxes.bundid]
plugin = "bundid"
call_timeout = "8s"
[mailboxes.bundid.config]
transport = "direct"
url = "{url}"
certificate_file = "{sandbox}/certificates/authority.p12"
password_file = "{sandbox}/certificates/authority.password"
ca_file = "{sandbox}/certificates/ca.pem"
""",
    "bridged": """
[mailboxes.bridged]
plugin = "bundid"
call_timeout = "8s"
scheme = "bridged"
[mailboxes.bridged.config]
transport = "fitconnect"
certificate_file = "{sandbox}/certificates/authority.p12"
password_file = "{sandbox}/certificates/authority.password"
[mailboxes.bridged.config.fitconnect]
{client}
destination = "6e1f3a52-0000-4000-8000-00000000d00b"
""",
    "fitconnect": """
[mailboxes.fitconnect]
plugin = "fitconnect"
call_timeout = "8s"
collect = "1s"
[mailboxes.fitconnect.config]
{client}
reply_key_file = "keys/reply.pem"
""",
}
CLIENT = """\
submission_url = "{submission}"
token_url = "{submission}/token"
client_id = "authority"
secret_file = "{sandbox}/fitconnect/authority.secret"
issuer = "{issuer}"
ca_file = "{sandbox}/certificates/ca.pem"\
"""


@dataclass(slots=True, kw_only=True)
class Federal:
    """The sandboxes in one process; what arrived outlives it, and so do its ports."""

    folder: Path
    options: tuple[str, ...] = ()
    ports: list[int] = field(default_factory=lambda: [0, 0])
    process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "postfach_mailbox_bundid.sandbox", "--bits", "2048"]
        command += ["--folder", str(self.folder), "--port", str(self.ports[0])]
        command += ["--fitconnect", str(self.ports[1]), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found: list[int] = []
        while len(found) < 2:
            line = self.process.stdout.readline()
            assert line, "the sandbox ended"
            told = re.match(r"(?:ready|FIT-Connect) on https://127\.0\.0\.1:(\d+)/", line)
            found += [int(told[1])] if told else []
        self.ports = found
        return self

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(AT_MOST)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def world(self, folder: Path, *ways: str, **settings: str) -> World:
        """Make a hub with some of the mailboxes `bundid`, `bridged` and `fitconnect`, no others."""
        world = World.make(folder, (str(HUB),), timedelta(days=3), **settings)
        submission = f"https://127.0.0.1:{self.ports[1]}"
        client = CLIENT.format(submission=submission, sandbox=self.folder, issuer=ISSUER)
        url = f"https://127.0.0.1:{self.ports[0]}"
        file = world.folder / "hub.toml"
        text = file.read_text("utf-8").partition("[mailboxes.")[0]
        text = text.replace('["archive", "citizens"]', json.dumps(ways))
        tables = "".join(TABLES[way] for way in ways)
        file.write_text(text + tables.format(url=url, sandbox=self.folder, client=client), "utf-8")
        key = rsa.generate_private_key(65537, 3072)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (world.folder / "keys" / "reply.pem").write_bytes(pem)
        (world.folder / "keys" / "reply.pem").chmod(0o600)
        return world

    def arrived(self, kind: str = "message") -> list[dict[str, Any]]:
        """Return what is known of all messages or states in mailboxes, in their order."""
        found = [json.loads(each.read_bytes()) for each in sorted(self._facts("arrived"))]
        return [
            {**each["facts"], "folder": self.folder / "arrived" / each["id"]}
            for each in found
            if each["facts"]["kind"] == kind
        ]

    def submissions(self) -> list[dict[str, Any]]:
        """Return FIT-Connect's records of all submissions."""
        found = (self.folder / "fitconnect" / "submissions").glob("*/record.json")
        records = [json.loads(each.read_bytes()) for each in found]
        return sorted(records, key=lambda each: float(each["created"]))

    def requests(self) -> list[str]:
        """Return the hub's key of each message in a mailbox, and each that a destination accepted.

        Those that came through the bridge are in a mailbox.
        """
        submissions = self.submissions()
        known = {each["id"]: each["request"] for each in submissions}
        accepted = [
            each["request"]
            for each in submissions
            if each["state"] == "accepted" and each["destination"] != BRIDGE
        ]
        mailed = [each["request"] or known[each["submission"]] for each in self.arrived()]
        return [*mailed, *accepted]

    def post(self, port: int, path: str, body: bytes = b"", **query: str) -> bytes:
        """Ask as whoever sits at the sandbox; port: 0 of the mailboxes, 1 of FIT-Connect."""
        url = f"https://127.0.0.1:{self.ports[port]}{path}?{urlencode(query)}"
        context = ssl.create_default_context(cafile=str(self.folder / "certificates" / "ca.pem"))
        with urllib.request.urlopen(url, data=body, context=context, timeout=AT_MOST) as answer:
            return bytes(answer.read())

    def _facts(self, name: str) -> list[Path]:
        return [*(self.folder / name).glob("[0-9]*/facts.json")]


def pdf_of(arrival: dict[str, Any]) -> bytes:
    """Return the first file of a message."""
    folder = arrival["folder"]
    assert isinstance(folder, Path)
    return (folder / "file-01").read_bytes()


def final(world: World, stem: str) -> None:
    """Run the hub until a stem has its final receipt."""

    def there() -> bool:
        world.once()
        return any(".accepted." not in name for name in world.receipts(stem))

    until(there, f"a final receipt of {stem}")
