"""The mailbox's table in hub.toml."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from postfach_fitconnect import FitConnect

SCHEMA: Final = "urn:postfachdienst:fit-connect:notice:1"
"""How notice.schema.json is named towards destinations."""


class Config(FitConnect):
    """How FIT-Connect is reached, and what its destinations take."""

    schema_uri: Annotated[str, Field(pattern=r"^[!-~]{1,500}$")] = SCHEMA
    """The schema's name that destinations list for these notices."""
    max_total: Annotated[int, Field(ge=1, le=10 * 1024**3)] = 500 * 1024 * 1024
    """Bytes of all documents of a notice together."""
    assurance_level: Literal["low", "substantial", "high"] = "substantial"
    """How surely the owners of the destinations are who they say; a notice may not ask for more."""

    @model_validator(mode="after")
    def _room_for_a_file(self) -> "Config":
        if self.max_total < self.max_file:
            raise ValueError("max_total: at least max_file")
        return self
