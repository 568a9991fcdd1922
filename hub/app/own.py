"""The database that a vault belongs to: opened, and begun anew only where there was none."""

from hub.clock import Clock
from hub.config import Config
from hub.errors import JournalInvalid
from hub.journal import Journal, open_journal
from hub.telemetry import logger
from hub.vault import owner


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
