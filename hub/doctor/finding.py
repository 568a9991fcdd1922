"""One thing that was looked at."""

from dataclasses import dataclass

from hub.errors import ConfigError, HubError, JournalInvalid, NotAvailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found; `why` it matters and the `fix` only where it is not in order.

    exit_code: what the command ends with if this is wrong: 78 configuration, 69 all else
    """

    subject: str
    ok: bool
    what: str
    why: str = ""
    fix: str = ""
    exit_code: int = 0


def fine(subject: str, what: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(subject=subject, ok=True, what=what)


def wrong(subject: str, what: str, *, why: str, fix: str, configured: bool = False) -> Finding:
    """Return the finding that something is wrong; `configured`: it is in hub.toml or its files."""
    code = ConfigError.exit_code if configured else NotAvailable.exit_code
    return Finding(subject=subject, ok=False, what=what, why=why, fix=fix, exit_code=code)


def failed(subject: str, error: HubError | OSError) -> Finding:
    """Return the finding that something could not be looked at."""
    why = "The hub cannot work without it."
    if isinstance(error, HubError):
        return wrong(
            subject,
            f"{error.where}: {error.what}",
            why=why,
            fix=error.fix,
            configured=isinstance(error, ConfigError | JournalInvalid),
        )
    what = f"{error.filename or 'a file'}: {error.strerror}"
    return wrong(subject, what, why=why, fix="See to its rights; run this as the hub's own user")
