"""The sandboxes of network mailboxes, as real processes over TLS, and a hub that uses them."""

import json
import re
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.flow.world import AT_MOST, HUB, World, until

LOW = "10000000-0000-4000-8000-000000000001"
HIGH = "40000000-0000-4000-8000-000000000004"
DELETED = "90000000-0000-4000-8000-000000000009"
COMPANY = "du-20000000-0000-4000-8000-000000000002"
CLOSED = "du-90000000-0000-4000-8000-000000000009"
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
MUK = """
[mailboxes.muk]
plugin = "muk"
call_timeout = "8s"
collect = "1s"
[mailboxes.muk.config]
url = "{url}"
certificate_file = "{sandbox}/certificates/authority.p12"
password_file = "{sandbox}/certificates/authority.password"
ca_file = "{sandbox}/certificates/ca.pem"
quiet = 20
"""
CLIENT = """\
submission_url = "{submission}"
token_url = "{submission}/token"
client_id = "authority"
secret_file = "{sandbox}/fitconnect/authority.secret"
issuer = "{issuer}"
ca_file = "{sandbox}/certificates/ca.pem"\
"""


@dataclass(slots=True, kw_only=True)
class Sandbox:
    """A sandbox in a process of its own; what arrived outlives it, and so do its ports."""

    folder: Path
    options: tuple[str, ...] = ()
    ports: list[int] = field(default_factory=lambda: [0, 0])
    process: subprocess.Popen[str] | None = None

    module: ClassVar[str]
    listens: ClassVar[tuple[str, ...]] = ("--port",)

    def start(self) -> Self:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", self.module, "--bits", "2048"]
        command += ["--folder", str(self.folder), *self.options]
        for option, port in zip(self.listens, self.ports, strict=False):
            command += [option, str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found: list[int] = []
        while len(found) < len(self.listens):
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

    def post(self, port: int, path: str, body: bytes = b"", **query: str) -> bytes:
        """Ask as whoever sits at the sandbox; port: 0 of the mailboxes, 1 of FIT-Connect."""
        url = f"https://127.0.0.1:{self.ports[port]}{path}?{urlencode(query)}"
        context = ssl.create_default_context(cafile=str(self.folder / "certificates" / "ca.pem"))
        with urllib.request.urlopen(url, data=body, context=context, timeout=AT_MOST) as answer:
            return bytes(answer.read())

    def facts(self) -> list[dict[str, Any]]:
        """Return what is known of all that arrived, in its order."""
        files = sorted((self.folder / "arrived").glob("[0-9]*/facts.json"))
        found = [json.loads(each.read_bytes()) for each in files]
        return [{**each["facts"], "folder": self.folder / "arrived" / each["id"]} for each in found]


@dataclass(slots=True, kw_only=True)
class Federal(Sandbox):
    """The citizens' mailboxes and FIT-Connect, in one process."""

    module: ClassVar[str] = "postfach_mailbox_bundid.sandbox"
    listens: ClassVar[tuple[str, ...]] = ("--port", "--fitconnect")

    def tables(self) -> dict[str, str]:
        """Return the tables of hub.toml, by mailbox."""
        submission = f"https://127.0.0.1:{self.ports[1]}"
        client = CLIENT.format(submission=submission, sandbox=self.folder, issuer=ISSUER)
        url = f"https://127.0.0.1:{self.ports[0]}"
        return {
            name: text.format(url=url, sandbox=self.folder, client=client)
            for name, text in TABLES.items()
        }

    def world(self, folder: Path, *ways: str, **settings: str) -> World:
        """Make a hub with some of the mailboxes `bundid`, `bridged` and `fitconnect`, no others."""
        return hub_with(folder, {way: self.tables()[way] for way in ways}, **settings)

    def arrived(self, kind: str = "message") -> list[dict[str, Any]]:
        """Return what is known of all messages or states in mailboxes, in their order."""
        return [each for each in self.facts() if each["kind"] == kind]

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


@dataclass(slots=True, kw_only=True)
class Companies(Sandbox):
    """ELSTER-Transfer and the companies' mailboxes."""

    module: ClassVar[str] = "postfach_mailbox_muk.sandbox"

    def tables(self) -> dict[str, str]:
        """Return the table of hub.toml."""
        url = f"https://127.0.0.1:{self.ports[0]}"
        return {"muk": MUK.format(url=url, sandbox=self.folder)}

    def requests(self) -> list[str]:
        """Return the hub's key of each message in a mailbox."""
        return [each["request"] for each in self.facts()]


def hub_with(folder: Path, tables: Mapping[str, str], **settings: str) -> World:
    """Make a hub, some days old, with these mailboxes and no others."""
    world = World.make(folder, (str(HUB),), timedelta(days=3), **settings)
    file = world.folder / "hub.toml"
    text = file.read_text("utf-8").partition("[mailboxes.")[0]
    text = text.replace('["archive", "citizens"]', json.dumps([*tables]))
    file.write_text(text + "".join(tables.values()), "utf-8")
    key = rsa.generate_private_key(65537, 3072)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (world.folder / "keys" / "reply.pem").write_bytes(pem)
    (world.folder / "keys" / "reply.pem").chmod(0o600)
    return world


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
