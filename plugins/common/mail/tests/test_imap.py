"""The same over IMAP: a real server (Dovecot), TLS, flags, moves, and what goes wrong there."""

import getpass
import grp
import io
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from postfach_mail import Away, Channel, MailConfig, Pattern
from postfach_mail.imap import REFUSED, TAKEN
from postfach_sandbox import ca

pytestmark = pytest.mark.slow
KEY = "5a" * 32
READ, ANSWER = Pattern("read+{key}@a.example"), Pattern("answer+{key}@a.example")
USER, PASSWORD = "rathaus", "geheim-4711"
CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
default_login_user = {login}
default_internal_user = {user}
default_internal_group = {group}
mail_location = maildir:{folder}/mail
first_valid_uid = 1
first_valid_gid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; `ca`: whose certificate it has; `password`: a file for the settings."""

    port: int
    ca: Path
    password: Path

    def config(self, **told: Any) -> MailConfig:
        return MailConfig.model_validate(
            {
                "server": f"127.0.0.1:{self.port}",
                "user": USER,
                "password_file": self.password,
                "ca_file": self.ca,
            }
            | told
        )

    def channel(self, **told: Any) -> Channel:
        return Channel(self.config(**told), retrieval=READ, reply=ANSWER)

    def client(self) -> IMAPClient:
        context = ssl.create_default_context(cafile=str(self.ca))
        client = IMAPClient("127.0.0.1", self.port, ssl=True, ssl_context=context, timeout=10)
        client.login(USER, PASSWORD)
        client.select_folder("INBOX")
        return client

    def put(self, *messages: EmailMessage | bytes) -> None:
        client = self.client()
        for each in messages:
            client.append("INBOX", each if isinstance(each, bytes) else each.as_bytes())
        client.logout()

    def flags(self) -> list[set[bytes]]:
        client = self.client()
        found = client.fetch(client.search(), [b"FLAGS"])
        client.logout()
        return [set(found[uid][b"FLAGS"]) for uid in sorted(found)]


@pytest.fixture(scope="module")
def folder_of_all() -> Iterator[Path]:
    """Give a folder that the server's own users can reach; pytest's is for one user alone."""
    with tempfile.TemporaryDirectory(prefix="imap-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def running(folder_of_all: Path) -> Iterator[Server]:
    program = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("dovecot: not installed, not checked")
    folder = folder_of_all
    # As root it runs as the users that Debian made for it, else as whoever runs the tests.
    login, user = ("dovenull", "dovecot") if os.geteuid() == 0 else (getpass.getuser(),) * 2
    whose = pwd.getpwnam(user)
    (folder / "mail").mkdir()
    os.chown(folder / "mail", whose.pw_uid, whose.pw_gid)
    files = ca.ensure(folder / "certificates", ["rathaus"], bits=2048)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    (folder / "dovecot.conf").write_text(
        CONFIG.format(
            folder=folder,
            certificate=files.server,
            port=port,
            password=PASSWORD,
            login=login,
            user=user,
            group=grp.getgrgid(whose.pw_gid).gr_name,
            uid=whose.pw_uid,
            gid=whose.pw_gid,
        )
    )
    (folder / "password").write_text(f"{PASSWORD}\n")
    process = subprocess.Popen([program, "-F", "-c", str(folder / "dovecot.conf")])
    try:
        until_it_listens(port, process, folder / "log")
        yield Server(port=port, ca=files.ca, password=folder / "password")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def until_it_listens(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text() if log.exists() else "the server does not start")


@pytest.fixture
def server(running: Server) -> Server:
    """Give the server, empty."""
    client = running.client()
    for name in ("INBOX", "Erledigt"):
        if client.folder_exists(name):
            client.select_folder(name)
            client.delete_messages(client.search())
            client.expunge()
    if not client.folder_exists("Erledigt"):
        client.create_folder("Erledigt")
    client.logout()
    return running


def test_a_reply_is_flagged_when_it_is_acknowledged_and_not_before(
    server: Server, letter: Callable[..., EmailMessage]
) -> None:
    made = letter()
    made.add_attachment(b"%PDF" * 9, maintype="application", subtype="pdf", filename="a.pdf")
    server.put(made)
    channel = server.channel()
    (item,) = channel.collect().items
    assert (item.kind, item.about) == ("reply", KEY)
    into = io.BytesIO()
    channel.fetch(item.id, 0, into)
    assert into.getvalue() == b"%PDF" * 9
    assert server.flags() == [{b"\\Recent"}] or server.flags() == [set()]  # not even seen
    assert channel.collect().items == (item,)
    server.channel().acknowledge(item.id)  # by a process that was started anew
    assert channel.collect().items == ()
    (flags,) = server.flags()
    assert TAKEN in flags
    assert b"\\Seen" not in flags
    assert channel.health().status == "up"


def test_what_was_taken_is_moved_where_that_is_wanted(
    server: Server, letter: Callable[..., EmailMessage]
) -> None:
    server.put(letter(), letter(Subject="2"))
    channel = server.channel(taken="Erledigt")
    first, second = channel.collect().items
    channel.acknowledge(first.id)
    assert channel.collect().items == (second,)
    client = server.client()
    client.select_folder("Erledigt")
    assert len(client.search()) == 1
    client.logout()


def test_what_cannot_be_taken_is_flagged_and_counted(
    server: Server, letter: Callable[..., EmailMessage]
) -> None:
    huge = b"To: x@a.example\r\n\r\n" + b"x\r\n" * 4000
    server.put(b"Subject: " + b"x" * 9000 + b"\r\n\r\nx", huge, letter())
    channel = server.channel(max_size=8192)
    (item,) = channel.collect().items
    assert item.about == KEY
    assert sum(REFUSED in each for each in server.flags()) == 2
    assert (channel.health().status, channel.health().text[:1]) == ("degraded", "2")


def test_many_come_some_at_a_time(server: Server, letter: Callable[..., EmailMessage]) -> None:
    server.put(*(letter(Subject=f"{number}") for number in range(40)))
    channel, seen = server.channel(), []
    while items := channel.collect().items:
        for item in items:
            seen.append(item.reply.subject if item.reply else "")
            channel.acknowledge(item.id)
    assert seen == [f"{number}" for number in range(40)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("password", "does not accept user and password"),
        ("no password", "password_file"),
        ("trust", "certificate"),
        ("port", "cannot be reached"),
        ("mailbox", "Nirgends"),
        ("ca", "ca_file"),
    ],
)
def test_what_goes_wrong_is_said_without_a_secret(
    server: Server, tmp_path: Path, wrong: str, said: str
) -> None:
    (tmp_path / "password").write_text("geheim-falsch\n")
    (tmp_path / "empty").touch()
    other = ca.ensure(tmp_path / "other", ["x"], bits=2048)
    with socket.create_server(("127.0.0.1", 0)) as found:
        free = found.getsockname()[1]
    told: dict[str, dict[str, object]] = {
        "password": {"password_file": tmp_path / "password"},
        "no password": {"password_file": tmp_path / "empty"},
        "trust": {"ca_file": other.ca},
        "port": {"server": f"127.0.0.1:{free}"},
        "mailbox": {"mailbox": "Nirgends"},
        "ca": {"ca_file": tmp_path / "empty"},
    }
    with pytest.raises(Away, match=said) as raised:
        server.channel(**told[wrong]).collect()
    assert "geheim" not in str(raised.value)
