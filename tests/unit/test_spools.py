"""A procedure whose spool is out of order is set aside alone; what is of the machine is not its."""

import errno
from contextlib import ExitStack
from pathlib import Path

import pytest

from hub import starter
from hub.app import spools
from hub.config import Config, load
from hub.durable import Disk
from hub.errors import CannotCreate, HubError
from hub.spool import Spool, open_spool
from tests.unit.notices import START, TurnedClock

MORE = """
[tenants.rostock.procedures.kfz]
authors = ["ags:130030000000"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Give a configuration with two procedures, of which one has no folders."""
    file = starter.init(tmp_path / "h", START).config
    file.write_text(file.read_text("utf-8") + MORE, "utf-8")
    return load(file, {})


def open_all(config: Config) -> dict[tuple[str, str], Spool]:
    with ExitStack() as stack:
        return spools.open_all(config, TurnedClock(), "w1", Disk(), stack)


def test_a_procedure_without_its_folders_stops_no_other(config: Config) -> None:
    found = open_all(config)
    assert list(found) == [("rostock", "bauamt")]
    assert not spools.all_open(config, found)
    for name in ("in", "out", "rejected"):
        (config.folder_of("rostock", "kfz") / name).mkdir(parents=True)
    assert spools.all_open(config, open_all(config))


def test_where_none_can_be_used_the_hub_does_not_start(config: Config) -> None:
    (config.folder_of("rostock", "bauamt") / "in").rmdir()
    with pytest.raises(HubError, match="no such folder"):
        open_all(config)


def test_a_full_disk_sets_no_procedure_aside_for_good(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tenant: str, procedure: str, *given: object, **named: object) -> Spool:
        if procedure == "kfz":
            full = OSError(errno.ENOSPC, "No space left on device")
            raise CannotCreate("no folder", where="kfz", fix="Make room") from full
        return open_spool(tenant, procedure, *given, **named)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr("hub.app.spools.open_spool", fail)
    with pytest.raises(CannotCreate):
        open_all(config)
