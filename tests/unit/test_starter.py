import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import envelope, starter
from hub.config import load
from hub.errors import CannotCreate
from hub.spool.folders import MARKER

AT = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o7777) for path in folder.iterdir()}


def test_what_init_writes_is_a_configuration_without_errors(tmp_path: Path) -> None:
    started = starter.init(tmp_path / "hub", AT)
    config = load(started.config, {})
    assert set(config.mailboxes) == set(starter.ACCOUNTS)
    assert config.seal.key_file.is_file()
    assert config.seal.password_file is not None
    assert config.seal.password_file.is_file()
    assert len(config.vault.master_key_file.read_bytes()) == 32
    assert config.hub.database_file.parent.is_dir()
    tenant, procedure = started.procedure.split("/")
    assert config.folder_of(tenant, procedure).is_dir()


def test_every_key_of_a_table_but_the_rare_ones_is_shown_in_the_file(tmp_path: Path) -> None:
    config = load(starter.init(tmp_path / "hub", AT).config, {})
    unset = {one.key for one in config.settings if one.origin == "default"}
    assert {key for key in unset if not key.startswith(("mailboxes.", "tenants."))} == set()


def test_the_example_is_a_notice_for_an_account_that_is_there(tmp_path: Path) -> None:
    started = starter.init(tmp_path / "hub", AT)
    config = load(started.config, {})
    notice = envelope.read(started.notice.read_bytes(), envelope.Limits())
    envelope.check_names(notice)
    tenant, procedure = started.procedure.split("/")
    envelope.check_tenant(notice, config.tenants[tenant].procedures[procedure].authors)
    (document,) = notice.documents
    assert document.reference == started.document.name
    assert document.digest == hashlib.sha256(started.document.read_bytes()).hexdigest()
    root = tmp_path / "hub" / "var" / "mailboxes" / str(notice.mailbox.scheme)
    assert (root / ".mailbox").is_file()
    assert (root / notice.mailbox.id).is_dir()
    assert (root / starter.CLOSED / ".closed").is_file()


def test_each_hub_has_keys_message_ids_and_markers_of_its_own(tmp_path: Path) -> None:
    one, other = (starter.init(tmp_path / name, AT) for name in ("one", "other"))
    for part in ("keys/master.key", "keys/ca.pem", "spool/rostock/bauamt/out/.postfach"):
        assert (tmp_path / "one" / part).read_bytes() != (tmp_path / "other" / part).read_bytes()
    assert one.notice.read_bytes() != other.notice.read_bytes()


def test_the_procedures_folders_have_the_rights_that_both_sides_need(tmp_path: Path) -> None:
    starter.init(tmp_path / "hub", AT)
    folder = tmp_path / "hub" / "spool" / "rostock" / "bauamt"
    assert modes(folder) == {
        "in": "0o2770",
        "out": "0o2770",
        "rejected": "0o2750",
        ".claimed": "0o700",
    }
    assert modes(tmp_path / "hub")["keys"] == "0o700"
    assert modes(tmp_path / "hub")["var"] == "0o700"
    uuid.UUID((folder / "out" / MARKER).read_text("ascii").strip())


def test_making_a_procedures_folders_again_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "a" / "b"
    starter.make_procedure(folder)
    marker = (folder / "out" / MARKER).read_bytes()
    (folder / "in").chmod(0o2775)
    (folder / "rejected").rmdir()
    starter.make_procedure(folder)
    assert (folder / "out" / MARKER).read_bytes() == marker
    assert modes(folder)["in"] == "0o2775"
    assert modes(folder)["rejected"] == "0o2750"


def test_init_takes_an_empty_folder_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    starter.init(tmp_path / "empty", AT)
    with pytest.raises(CannotCreate, match="not empty") as caught:
        starter.init(tmp_path / "empty", AT)
    assert caught.value.exit_code == 73
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotCreate, match="Name a folder that you may write"):
            starter.init(place, AT)
