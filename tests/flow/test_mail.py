"""What BundID tells by e-mail comes back: real processes, TLS, a folder that mail comes into."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import schemas
from postfach_mail import Pattern
from tests.flow.federal import HIGH, Federal, final, hub_with
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import PDF, Drop, drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
NAME = f"{{{schemas.NAMESPACE}}}"
MAIL = """\
retrieval_address = "gelesen+{{key}}@rathaus.example"
reply_address = "antwort+{{key}}@rathaus.example"
[mailboxes.bundid.config.mail]
folder = "{folder}"
"""
TROUBLES = "SELECT kind, trouble FROM returned WHERE trouble IS NOT NULL ORDER BY id"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federal]:
    folder = tmp_path_factory.mktemp("federal")
    federal = Federal(folder=folder, options=("--mail", str(folder / "mail"))).start()
    yield federal
    federal.kill()


@pytest.fixture
def mail(sandbox: Federal) -> Path:
    """Give the folder that the service writes into, empty."""
    folder = sandbox.folder / "mail"
    for each in folder.iterdir():
        if each.name != ".mail":
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    return folder


@pytest.fixture
def world(sandbox: Federal, mail: Path, tmp_path: Path) -> World:
    table = sandbox.tables()["bundid"] + MAIL.format(folder=mail)
    made = hub_with(tmp_path / "hub", {"bundid": table})
    made.configure("[mailboxes.bundid]\n", "[mailboxes.bundid]\ncollect = '1s'\n")
    return made


@pytest.fixture
def deposited(world: World) -> Drop:
    made = drop(scheme="bundid", account=HIGH)
    world.put(made)
    final(world, made.stem)
    assert world.outcomes(made.stem) == ["DEPOSITED"]
    return made


def number_of(sandbox: Federal, made: Drop) -> str:
    """Return the number under which a notice arrived."""
    key = delivery_key(made.message_id)
    (found,) = [each for each in sandbox.arrived() if each["request"] == key]
    return str(found["folder"].name)


def again(world: World, mail: Path) -> None:
    """Run until all that came by mail is taken or set aside."""
    until(lambda: world.once() is not None and not list(mail.glob("*.eml")), "no mail waits")


def test_a_retrieval_told_by_mail_is_a_receipt_once(
    sandbox: Federal, world: World, mail: Path, deposited: Drop
) -> None:
    sandbox.post(0, "/read", message=number_of(sandbox, deposited))
    (file,) = mail.glob("*.eml")
    shutil.copy(file, mail / "twice.eml")
    again(world, mail)
    assert world.outcomes(deposited.stem) == ["DEPOSITED", "RETRIEVED"]
    sandbox.post(0, "/read", message=number_of(sandbox, deposited))  # on another device
    again(world, mail)
    assert world.outcomes(deposited.stem) == ["DEPOSITED", "RETRIEVED"]
    assert world.rows(TROUBLES) == []
    assert list(mail.glob("*.eml")) == []
    assert len(list((mail / "taken").iterdir())) == 3
    assert unbalanced(world, 1) == []


def test_a_reply_by_mail_comes_out_sealed_at_its_procedure(
    sandbox: Federal, world: World, mail: Path, deposited: Drop
) -> None:
    number = number_of(sandbox, deposited)
    sandbox.post(0, "/reply", PDF * 1000, message=number, text="Anbei.", filename="nachweis.pdf")
    again(world, mail)
    (reply,) = (world.procedure / "out").glob("*.reply.xml")
    root = schemas.parse(reply.read_bytes())
    assert schemas.schema("reply").validate(root), schemas.schema("reply").error_log
    assert root.findtext(f"{NAME}InReplyTo") == deposited.message_id
    assert root.findtext(f"{NAME}Text") == "Anbei."
    (document,) = root.iter(f"{NAME}Document")
    assert document.get("filename") == "nachweis.pdf"
    name = document.findtext(f"{NAME}Reference") or ""
    assert reply.with_name(name).read_bytes() == PDF * 1000
    again(world, mail)
    assert list((world.procedure / "out").glob("*.reply.xml")) == [reply]
    assert list(mail.glob("*.eml")) == []


def test_what_is_forged_or_broken_is_a_case_or_set_aside_and_stops_nothing(
    sandbox: Federal, world: World, mail: Path, deposited: Drop
) -> None:
    of = Pattern("gelesen+{key}@rathaus.example").of
    (mail / "1.eml").write_bytes(f"To: {of('0' * 64)}\r\nSubject: forged\r\n\r\n".encode())
    (mail / "2.eml").write_bytes(b"To: amt@rathaus.example\r\nSubject: of nothing\r\n\r\nhello")
    (mail / "3.eml").write_bytes(b"Subject: " + b"x" * 100_000)
    sandbox.post(0, "/read", message=number_of(sandbox, deposited))
    again(world, mail)
    assert world.outcomes(deposited.stem) == ["DEPOSITED", "RETRIEVED"]
    assert [tuple(row) for row in world.rows(TROUBLES)] == [
        ("retrieval", "NOTICE_UNKNOWN"),
        ("reply", "NOTICE_UNKNOWN"),
    ]
    assert "it belongs to no notice" in world.hub("list", "--cases").stdout
    assert (mail / "refused" / "3.eml.reason.txt").exists()
    assert "1 e-mails were set aside" in world.hub("doctor", code=69).stdout


def test_a_mail_is_taken_only_when_the_hub_has_stored_it(
    sandbox: Federal, world: World, mail: Path, deposited: Drop
) -> None:
    sandbox.post(0, "/read", message=number_of(sandbox, deposited))
    (world.folder / "keys" / "master.key").rename(world.folder / "away")
    world.hub("run", "--once", code=78)
    assert len(list(mail.glob("*.eml"))) == 1
    (world.folder / "away").rename(world.folder / "keys" / "master.key")
    again(world, mail)
    assert world.outcomes(deposited.stem) == ["DEPOSITED", "RETRIEVED"]
    assert list(mail.glob("*.eml")) == []


def test_the_address_of_each_message_is_its_own(sandbox: Federal, deposited: Drop) -> None:
    arrived = sandbox.arrived()[-1]
    key = delivery_key(deposited.message_id)
    assert arrived["reply_address"] == Pattern("antwort+{key}@rathaus.example").of(key)
