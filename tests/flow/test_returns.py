"""What a recipient writes back comes out at the procedure: once, whole, sealed."""

import hashlib
import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from hub import schemas
from tests.flow.answers import letter, replies, reply
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow


def text(root: etree._Element, name: str) -> str | None:
    return root.findtext(f"{{{schemas.NAMESPACE}}}{name}")


def test_a_reply_comes_out_sealed_with_its_documents(world: World) -> None:
    made = drop()
    world.put(made)
    world.once()
    folder = reply(letter(world))
    world.once()
    (file,) = replies(world)
    root = schemas.parse(file.read_bytes())
    assert schemas.schema("reply").validate(root), schemas.schema("reply").error_log
    assert text(root, "InReplyTo") == world.rows("SELECT message_id FROM notice")[0][0]
    assert text(root, "Text") == "Anbei.\nGruß"
    for document in root.iter(f"{{{schemas.NAMESPACE}}}Document"):
        data = (file.parent / str(text(document, "Reference"))).read_bytes()
        assert hashlib.sha256(data).hexdigest() == text(document, "Digest")
        assert len(data) == int(document.get("size", ""))
    assert (folder / ".taken" / "r1").is_dir()
    assert not (folder / "r1").exists()
    before = file.read_bytes()
    world.once()
    assert replies(world) == [file]
    assert file.read_bytes() == before


# The hub, telling each name that it gives to a file of a reply.
TELLING = """
import os
from hub.returns import handing
renamed = handing.rename_new
def telling(folder, old, new):
    renamed(folder, old, new)
    print("renamed", new, flush=True)
    if new.endswith({dies_at!r}):
        os._exit(9)
handing.rename_new = telling
from hub.cli import main
main()
"""


def test_when_the_reply_is_there_its_documents_are(world: World) -> None:
    world.put(drop())
    world.once()
    reply(letter(world))
    said = replace(world, program=(sys.executable, "-c", TELLING.format(dies_at="no name"))).once()
    names = [line.split()[1] for line in said.splitlines() if line.startswith("renamed ")]
    assert len(names) == 3
    assert names[-1].endswith(".reply.xml")


@pytest.mark.parametrize("at", ["document-00", "document-01", "reply.xml"])
def test_a_hub_that_dies_among_its_files_writes_the_rest_and_knows_those(
    world: World, at: str
) -> None:
    world.put(drop())
    world.once()
    reply(letter(world))
    replace(world, program=(sys.executable, "-c", TELLING.format(dies_at=at))).once(code=9)
    assert bool(replies(world)) == (at == "reply.xml")
    world.once()
    assert len(replies(world)) == 1
    assert world.rows("SELECT 1 FROM returned_file WHERE written_at IS NULL") == []


def test_a_single_run_takes_all_that_came_back(world: World) -> None:
    world.put(drop())
    world.once()
    found = letter(world)
    for number in range(20):  # more than a mailbox offers at once
        reply(found, name=f"r{number:02}")
    world.once()
    assert len(replies(world)) == 20


def test_where_room_is_short_nothing_is_fetched_and_with_room_it_comes(world: World) -> None:
    world.put(drop())
    world.once()
    folder = reply(letter(world))
    world.configure("[seal]", '[limits]\nfree_space = "1000000GiB"\n[seal]')
    world.once()
    assert replies(world) == []
    assert (folder / "r1").is_dir()
    world.configure("1000000GiB", "1MiB")
    world.once()
    assert len(replies(world)) == 1


def test_a_reply_to_no_notice_is_kept_for_a_person_and_goes_to_no_procedure(world: World) -> None:
    world.put(drop())
    world.once()
    reply(letter(world), about="someone-else")
    world.once()
    assert replies(world) == []
    (row,) = world.rows("SELECT trouble, notice_id, content FROM returned")
    assert (row["trouble"], row["notice_id"]) == ("NOTICE_UNKNOWN", None)
    assert len(world.rows("SELECT 1 FROM returned_file WHERE segment IS NOT NULL")) == 2


def test_the_same_item_again_is_only_acknowledged(world: World) -> None:
    world.put(drop())
    world.once()
    folder = reply(letter(world))
    world.once()
    (folder / ".taken" / "r1").rename(folder / "r1")
    world.once()
    assert len(replies(world)) == 1
    assert (folder / ".taken" / "r1").is_dir()
    assert world.rows("SELECT trouble FROM returned")[0][0] is None


def test_the_same_item_with_other_content_is_a_case(world: World) -> None:
    world.put(drop())
    world.once()
    folder = reply(letter(world))
    world.once()
    taken = folder / ".taken" / "r1"
    said = json.loads((taken / "reply.json").read_text("utf-8"))
    (taken / "reply.json").write_text(json.dumps(said | {"text": "other"}), "utf-8")
    taken.rename(folder / "r1")
    world.once()
    assert len(replies(world)) == 1
    assert world.rows("SELECT trouble FROM returned")[0][0] == "ITEM_CHANGED"


def test_no_word_of_a_reply_lies_in_clear_with_the_hub(world: World) -> None:
    world.put(drop())
    world.once()
    reply(letter(world), text="unmistakable-words", about="someone-else")
    world.once()
    for file in (world.folder / "var").rglob("*"):
        if file.is_file() and "mailboxes" not in file.parts:
            assert b"unmistakable-words" not in file.read_bytes(), file
            assert b"PDF-1.7 proof" not in file.read_bytes(), file


def test_a_reply_that_was_not_written_before_a_crash_is_written_again(world: World) -> None:
    world.put(drop())
    world.once()
    reply(letter(world))
    world.once()
    (file,) = replies(world)
    before = {one.name: one.read_bytes() for one in file.parent.glob("*")}
    with closing(sqlite3.connect(world.folder / "var" / "hub.db")) as database:
        database.execute("UPDATE returned_file SET written_at = NULL")
        database.commit()
    for one in file.parent.glob(file.name.replace("reply.xml", "*")):
        one.unlink()
    world.once()
    assert {one.name: one.read_bytes() for one in file.parent.glob("*")} == before


def test_a_running_hub_brings_replies_back(world: World) -> None:
    world.configure("[mailboxes.archive]", "[mailboxes.archive]\ncollect = '1s'")
    world.configure("[mailboxes.citizens]", "[mailboxes.citizens]\ncollect = '1s'")
    world.put(drop())
    world.once()
    found = letter(world)
    with world.service():
        reply(found)
        until(lambda: bool(replies(world)), "the reply")


def retrieved(world: World) -> list[Path]:
    return sorted((world.procedure / "out").glob("*.retrieved.xml"))


def test_the_first_retrieval_gives_a_sealed_receipt_and_the_next_one_none(world: World) -> None:
    world.put(drop(stem="notice"))
    world.once()
    for name in ("first", "second"):
        reply(letter(world), name, kind="retrieval", documents=[])
        world.once()
    (file,) = retrieved(world)
    receipt = world.receipts("notice")[file.name]
    assert (receipt.outcome, len(world.receipts("notice"))) == ("RETRIEVED", 2)
    root = schemas.parse(file.read_bytes())
    assert text(root, "FirstRetrievedAt")
    assert text(root, "Event") == "http://uri.etsi.org/19522/Event/ContentHandover"
    assert unbalanced(world, 1) == []
    assert len(world.rows("SELECT 1 FROM returned")) == 2
    file.unlink()
    again = world.hub("receipt", "reissue", str(receipt.message_id)).stdout
    assert file.name in again
    world.once()
    assert file.read_bytes() == receipt.data


def test_a_retrieval_of_what_was_never_deposited_is_a_case_and_no_receipt(world: World) -> None:
    world.put(drop(stem="notice"))
    world.once()
    found = letter(world)
    refused = drop(stem="closed", account="carla")
    world.put(refused)
    world.once()
    reply(found, kind="retrieval", about=delivery_key(refused.message_id), documents=[])
    world.once()
    assert retrieved(world) == []
    (row,) = world.rows("SELECT trouble, notice_id FROM returned")
    assert row["trouble"] == "NOT_DEPOSITED"
    assert unbalanced(world, 2) == []


def test_what_belongs_to_nobody_is_shown_and_closed_by_its_number(world: World) -> None:
    world.put(drop())
    world.once()
    reply(letter(world), about="someone-else")
    world.once()
    shown = world.hub("list", "--cases")
    assert "returned 1  citizens  reply  of no notice" in shown.stdout
    assert "it belongs to no notice of this mailbox" in shown.stdout
    assert "1 case" in shown.stderr
    assert "1 wait for a person (returned)" in world.hub("doctor", code=69).stdout
    (one,) = json.loads(world.hub("list", "--cases", "--json").stdout)
    assert (one["case"], one["number"], one["message_id"]) == ("returned", 1, None)
    assert "reply 1 of mailbox citizens is closed" in world.hub("close", "1").stdout
    assert "0 cases" in world.hub("list", "--cases").stderr
    (entry,) = world.rows("SELECT body FROM entry WHERE kind = 'returned.closed'")
    said = json.loads(entry["body"])["subject"]
    assert said["code"] == "NOTICE_UNKNOWN"
    assert "user" in said
    again = world.hub("close", "1", code=65)
    assert "nothing that came back waits under this number" in again.stderr


def test_a_reply_is_written_again_byte_for_byte_until_it_is_erased(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub", payload="1s")
    world.put(drop(stem="notice"))
    world.once()
    reply(letter(world))
    world.once()
    (message_id,) = [row["message_id"] for row in world.rows("SELECT message_id FROM notice")]
    files = [*replies(world), *sorted((world.procedure / "out").glob("*.document-*"))]
    before = {file.name: file.read_bytes() for file in files}
    for file in files:
        file.unlink()
    said = world.hub("receipt", "reissue", message_id).stdout
    assert all(f"out/{name}" in said for name in before)
    world.once()
    assert {file.name: file.read_bytes() for file in files} == before

    def erased() -> bool:
        world.once()
        return world.rows("SELECT 1 FROM returned WHERE erased_at IS NOT NULL") != []

    with closing(sqlite3.connect(world.folder / "var" / "hub.db")) as database, database:
        database.execute("UPDATE returned_file SET confirmed_at = written_at")
    until(erased, "the reply is erased")
    again = world.hub("receipt", "reissue", message_id)
    assert "replies that are erased and cannot be written: 1" in again.stderr
    assert "reply.xml" not in again.stdout
