import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.errors import ConfigError, NoPermission, NotAvailable, StorageFailed
from hub.spool import Claim, Spool, Stuck
from tests.unit.spools import TurnedClock, found_claims, make_folders, open_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_folders(tmp_path)


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = open_one(path, TurnedClock())
    yield opened
    opened.folders.close()


def taken(spool: Spool, name: bytes) -> Claim:
    claim = spool.claim(name)
    assert isinstance(claim, Claim)
    return claim


def test_the_folder_of_claims_is_the_hubs_alone(spool: Spool, path: Path) -> None:
    assert (path / ".claimed").stat().st_mode & 0o777 == 0o700
    assert (path / ".claimed" / "w1").stat().st_mode & 0o777 == 0o700


def test_a_folder_of_claims_that_others_may_read_is_refused(path: Path) -> None:
    (path / ".claimed").mkdir()
    (path / ".claimed").chmod(0o750)
    with pytest.raises(NoPermission):
        open_one(path, TurnedClock())


def test_a_folder_that_is_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    (path / "in").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (path / "in").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotAvailable):
        open_one(path, TurnedClock())


def test_a_failed_opening_leaves_no_descriptor_open(path: Path) -> None:
    (path / "rejected").rmdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(NotAvailable):
        open_one(path, TurnedClock())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_owner_that_is_no_user_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError):
        open_one(path, TurnedClock(), owner="no-such-user")


def test_the_marker_is_made_once_and_kept(spool: Spool, path: Path) -> None:
    mark = (path / "out" / ".postfach").read_text("ascii")
    other = open_one(path, TurnedClock(), worker="w2")
    assert (path / "out" / ".postfach").read_text("ascii") == mark
    assert other.folders.identity() == spool.folders.identity()
    assert [entry for entry in (path / "out").iterdir() if entry.name != ".postfach"] == []
    other.folders.close()


def test_a_marker_that_is_a_link_is_replaced_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept\n")
    (path / "out" / ".postfach").symlink_to(tmp_path / "secret")
    spool = open_one(path, TurnedClock())
    assert not (path / "out" / ".postfach").is_symlink()
    assert (tmp_path / "secret").read_text() == "kept\n"
    assert spool.folders.identity() is not None
    spool.folders.close()


def test_a_folder_made_anew_is_another_one(spool: Spool, path: Path) -> None:
    before = spool.folders.identity()
    (path / "out").rename(path / "old")
    (path / "out").mkdir()
    assert spool.folders.identity() is None
    assert not spool.folders.in_place()
    other = open_one(path, TurnedClock(), worker="w2")
    assert other.folders.identity() not in (None, before)
    other.folders.close()


def test_a_scan_names_what_may_be_a_drop_and_nothing_else(spool: Spool, path: Path) -> None:
    good = [b"a.xml", b"--b.xml", b"caf\xe9-\xff.xml", b"..%2fx.xml"]
    for name in [*good, b".hidden.xml", b".xml", b"a.xml.part", b"a.pdf", b"a.xml~", b"A.XML"]:
        (path / "in" / os.fsdecode(name)).touch()
    assert sorted(spool.scan()) == sorted(good)


def test_a_claim_moves_the_envelope_and_keeps_its_stem(spool: Spool, path: Path) -> None:
    (path / "in" / "case-7.v2.xml").write_bytes(b"<x/>")
    claim = taken(spool, b"case-7.v2.xml")
    assert (claim.stem, claim.tries, claim.bad_name) == ("case-7.v2", 0, False)
    assert list((path / "in").iterdir()) == []
    assert [file.name for file in (path / ".claimed/w1").iterdir()] == [
        f"{claim.id}.0.case-7.v2.xml"
    ]
    assert Claim.parse(claim.file) == claim


@pytest.mark.parametrize(
    "name", [b"caf\xe9-\xff.xml", b"a b.xml", b"-a.xml", b"a" * 197 + b".xml", b"a\n.xml"]
)
def test_a_bad_name_is_claimed_under_a_stand_in(spool: Spool, path: Path, name: bytes) -> None:
    (path / "in" / os.fsdecode(name)).touch()
    claim = taken(spool, name)
    assert claim.bad_name
    assert claim.stem.startswith("drop-")
    assert len(claim.stem) == len("drop-") + 16
    assert found_claims(spool) == [claim]


def test_the_longest_good_name_is_good(spool: Spool, path: Path) -> None:
    (path / "in" / ("a" * 196 + ".xml")).touch()
    claim = taken(spool, b"a" * 196 + b".xml")
    assert not claim.bad_name
    assert spool.reject(claim) == [claim]


def test_a_drop_that_is_gone_is_no_claim(spool: Spool) -> None:
    assert spool.claim(b"gone.xml") is None


def test_claiming_without_a_folder_of_claims_is_an_error_and_no_absence(
    spool: Spool, path: Path
) -> None:
    (path / "in" / "a.xml").touch()
    (path / ".claimed" / "w1").rmdir()
    with pytest.raises(StorageFailed):
        spool.claim(b"a.xml")


def set_immutable(file: Path, *, on: bool) -> bool:
    flag = "+i" if on else "-i"
    done = subprocess.run(["chattr", flag, str(file)], capture_output=True, check=False)
    return done.returncode == 0


def test_a_drop_that_cannot_be_moved_is_stuck_and_named_alike_each_time(
    spool: Spool, path: Path
) -> None:
    file = path / "in" / "stuck.xml"
    file.touch()
    if not set_immutable(file, on=True):
        pytest.skip("no file can be made immutable here")
    try:
        first, second = spool.claim(b"stuck.xml"), spool.claim(b"stuck.xml")
    finally:
        set_immutable(file, on=False)
    status = file.stat()
    assert isinstance(first, Stuck)
    assert first == second
    assert (first.stem, first.device, first.inode) == ("stuck", status.st_dev, status.st_ino)


def test_when_nothing_can_be_moved_no_drop_is_called_stuck(spool: Spool, path: Path) -> None:
    (path / "in" / "a.xml").touch()
    if not set_immutable(path / "in", on=True):
        pytest.skip("no folder can be made immutable here")
    try:
        with pytest.raises(NoPermission):
            spool.claim(b"a.xml")
    finally:
        set_immutable(path / "in", on=False)


def test_documents_are_claimed_by_reference_and_never_twice(spool: Spool, path: Path) -> None:
    (path / "in" / "a.xml").touch()
    (path / "in" / "a.pdf").write_bytes(b"first")
    claim = taken(spool, b"a.xml")
    assert not spool.claim_document(claim, 1, "missing.pdf")
    assert spool.claim_document(claim, 1, "a.pdf")
    (path / "in" / "a.pdf").write_bytes(b"of the next drop")
    assert spool.claim_document(claim, 1, "a.pdf")
    assert (path / "in" / "a.pdf").read_bytes() == b"of the next drop"
    with spool.open_document(claim, 1, 10) as pieces:
        assert b"".join(pieces) == b"first"


@pytest.mark.parametrize("reference", ["../a", "a/b", ".hidden", "b.xml", "", "a\0b"])
def test_a_reference_that_is_no_document_name_is_a_bug(spool: Spool, reference: str) -> None:
    claim = Claim(id="0" * 22, tries=0, stem="a")
    with pytest.raises(ValueError, match="reference"):
        spool.claim_document(claim, 1, reference)


def test_a_try_is_counted_in_the_name(spool: Spool, path: Path) -> None:
    (path / "in" / "a.xml").touch()
    claim = taken(spool, b"a.xml")
    counted = spool.count_try(spool.count_try(claim))
    assert counted.tries == 2
    assert found_claims(spool) == [counted]


def test_standing_tells_a_file_that_changed_from_one_that_stood_still(
    spool: Spool, path: Path
) -> None:
    file = path / "in" / "a.pdf"
    assert spool.standing("a.pdf") is None
    file.write_bytes(b"one")
    before = spool.standing("a.pdf")
    assert before == spool.standing(b"a.pdf")
    status = file.stat()
    file.write_bytes(b"three")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert spool.standing("a.pdf") != before


def test_claims_of_a_dead_worker_are_adopted_with_their_documents(spool: Spool, path: Path) -> None:
    dead = open_one(path, TurnedClock(), worker="w0")
    for stem in ("a", "b"):
        (path / "in" / f"{stem}.xml").touch()
    (path / "in" / "a.pdf").write_bytes(b"document")
    first, second = taken(dead, b"a.xml"), taken(dead, b"b.xml")
    dead.claim_document(first, 1, "a.pdf")
    assert spool.folders.workers() == ["w0"]
    adopted = spool.adopt("w0")
    assert sorted(adopted, key=lambda one: one.stem) == [first, second]
    assert found_claims(spool) == adopted
    assert spool.folders.workers() == []
    with spool.open_document(first, 1, 100) as pieces:
        assert b"".join(pieces) == b"document"
    assert spool.adopt("w0") == []
    dead.folders.close()


def test_closing_removes_the_workers_folder_only_if_nothing_waits_there(path: Path) -> None:
    empty, waiting = open_one(path, TurnedClock()), open_one(path, TurnedClock(), worker="w2")
    (path / "in" / "a.xml").touch()
    taken(waiting, b"a.xml")
    for one in (empty, waiting):
        one.folders.close()
    assert [folder.name for folder in (path / ".claimed").iterdir()] == ["w2"]


def test_folders_close_all_that_they_opened(path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    open_one(path, TurnedClock()).folders.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
