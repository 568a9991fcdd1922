"""A hub with one notice, and its backup: a real journal and vault, no processes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hub import backup, parcel, restoring, starter
from hub.backup import Made
from hub.clock import system_clock
from hub.config import Config, load
from hub.durable import Disk
from hub.journal import Journal, open_journal, taking
from hub.placing import Told
from hub.restoring import Order, Report
from hub.vault import Vault, load_master_key, new_key
from tests.unit import notices

CLOCK = system_clock()
ORDER = Order(user=7)


def silent(_what: str, _done: int, _whole: int) -> None:
    """Hear of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A hub with a notice whose document lies in the vault, and where its backup goes."""

    config: Config
    journal: Journal
    vault: Vault
    target: Path
    segment: str

    def back_up(self) -> Made:
        return backup.make(self.config, self.journal, self.target, CLOCK, silent)

    def lose(self) -> None:
        """Lose database and vault."""
        self.journal.close()
        for path in self.config.hub.database_file.parent.glob("hub.db*"):
            path.unlink()
        shutil.rmtree(self.config.vault.path)

    def restore(self, order: Order = ORDER, told: Told = silent) -> Report:
        return restoring.restore(self.config, self.target, order, CLOCK, told)


@contextmanager
def kept_in(tmp_path: Path) -> Iterator[Kept]:
    """Make one in a new folder, and close it at the end."""
    config = load(starter.init(tmp_path / "hub", CLOCK.now()).config, {})
    journal = open_journal(config.hub.database_file, CLOCK, create=True)
    master = load_master_key(config.vault.master_key_file)
    vault = Vault(config.vault.path, master, Disk())
    key, row = new_key(), notices.notice(1, accepted_at=CLOCK.now())
    owner = row.delivery_key.encode()
    with vault.segment() as segment:
        extent = segment.add(key, b"c", [b"document"], 100)
        segment.sync()
        lies = parcel.extent_row(parcel.DOCUMENT, 0, extent)
        wrapped = replace(row, key_wrapped=vault.wrap(key, owner))
        with journal.write() as tx:
            taking.insert(tx, [(wrapped, [lies])])
            tx.note(1, "notice.taken", CLOCK.now(), message_id=row.message_id)
    yield Kept(
        config=config,
        journal=journal,
        vault=vault,
        target=tmp_path / "backup",
        segment=extent.segment,
    )
    vault.close()
    journal.close()
