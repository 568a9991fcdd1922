"""The database and the vault that belong to each other: neither is begun anew for the other."""

from pathlib import Path

from hub.clock import Clock
from hub.config import Config
from hub.durable import Disk
from hub.errors import JournalInvalid
from hub.journal import Journal, open_journal, restoring
from hub.telemetry import logger
from hub.vault import belong, owner


def own_journal(config: Config, clock: Clock) -> Journal:
    """Open the journal, made anew only where none can have been before."""
    path = config.hub.database_file
    if owner(config.vault.path) is not None and not path.exists():
        raise JournalInvalid(
            "the database is gone, in which stands what lies in the vault",
            where=str(path),
            fix="Put it back, with its -wal, or restore a backup. To begin anew, and forget all "
            f"that it knew, move the vault away: {config.vault.path}",
        )
    if clock.mark:
        logger().error("a test clock - its receipts say wrong times")
    return open_journal(path, clock, create=True)


def own_vault(path: Path, journal: Journal, disk: Disk) -> None:
    """Tie the vault to its journal; a restored one is the same. Raises as `belong` does."""
    with journal.read() as connection:
        first = restoring.origin(connection)
    belong(path, first, disk)
