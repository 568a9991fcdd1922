"""What a mailbox's own table in hub.toml is made of.

`Config` of a mailbox derives from Settings, so that it is closed and frozen. Secrets are never in
the table, only references to them: a HubPath to a file.
"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Settings(BaseModel):
    """A mailbox's own table: an unknown key is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _from_base(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return Path(base) / path if base is not None else path.absolute()


HubPath = Annotated[Path, AfterValidator(_from_base)]
"""A path in hub.toml; a relative one counts from the folder of hub.toml."""
