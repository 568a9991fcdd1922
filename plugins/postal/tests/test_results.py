"""What a print service tells of letters, and what it puts there that is no such thing."""

import os
from pathlib import Path

import pytest

from postfach_mailbox_postal import PostalMailbox, results, ticket
from postfach_mailbox_postal.kit import PrintService


def put(service: PrintService, tmp_path: Path, name: str, data: bytes) -> Path:
    """Put a file among the results."""
    service.up()
    file = tmp_path / "print" / "results" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    return file


def many(count: int, **changed: str) -> bytes:
    told = {"at": "2026-03-03T16:20:00+01:00", "outcome": "posted"} | changed
    said = "".join(
        f'<Result key="{number:064x}" outcome="{told["outcome"]}" at="{told["at"]}"/>'
        for number in range(count)
    )
    text = f'<PrintResults xmlns="{ticket.NAMESPACE}" version="1.0">{said}</PrintResults>'
    return text.encode()


def test_a_file_of_results_moves_aside_when_all_of_it_is_stored(
    relay: PostalMailbox, service: PrintService, tmp_path: Path
) -> None:
    file, seen = put(service, tmp_path, "day.xml", many(70)), []
    while items := relay.collect().items:
        assert file.exists()
        for item in items:
            seen.append(item.about)
            relay.acknowledge(item.id)
            relay.acknowledge(item.id)  # told twice, by a hub that was killed
    assert seen == [f"{number:064x}" for number in range(70)]
    assert not file.exists()
    assert relay.health().status == "up"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not xml",
        b"<PrintResults/>",
        many(0),
        many(1, outcome="lost"),
        many(1, at="yesterday"),
        many(1, at="2026-03-03T16:20:00"),
        many(1, at="2026-02-30T16:20:00Z"),
        many(1).replace(b"<PrintResults", b"<!DOCTYPE x [<!ENTITY a 'b'>]><PrintResults"),
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>" + many(1),
        many(1).replace(b"0" * 64, b"../../etc"),
        many(1).decode().encode("utf-16")[:-3],
        many(1) + b"\n" * ticket.RESULTS_MOST,
    ],
    ids=range(13),
)
def test_what_is_no_results_is_set_aside_with_its_reason_and_stops_nothing(
    relay: PostalMailbox, service: PrintService, tmp_path: Path, data: bytes
) -> None:
    file = put(service, tmp_path, "bad.xml", data)
    put(service, tmp_path, "good.xml", many(1))
    assert [item.about for item in relay.collect().items] == ["0" * 64]
    aside = file.parent / results.REFUSED
    assert sorted(each.name for each in aside.iterdir()) == ["bad.xml", "bad.xml.reason.txt"]
    assert (aside / "bad.xml.reason.txt").read_text().strip()
    assert (relay.health().status, "1 files" in relay.health().text) == ("degraded", True)


def test_what_is_no_plain_file_is_set_aside(
    relay: PostalMailbox, service: PrintService, tmp_path: Path
) -> None:
    file = put(service, tmp_path, "good.xml", many(1))
    (file.parent / "link.xml").symlink_to(file)
    (file.parent / "folder.xml").mkdir()
    os.mkfifo(file.parent / "pipe.xml")
    assert len(relay.collect().items) == 1
    assert results.refused(tmp_path / "print") == 3
