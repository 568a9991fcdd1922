"""quality.toml: which level a distribution claims, and which rules it need not keep, and why.

    level = "silver"

    [exempt]
    slow-answer = "a folder cannot be told to be slow"

It is package data of the distribution, beside the module with its `bench`.
"""

import tomllib
from importlib import resources
from typing import Annotated

from pydantic import Field, ValidationError

from postfach_mailbox.outcomes import Frozen
from postfach_mailbox.testkit.rules import Level

FILE = "quality.toml"


class QualityWrong(Exception):
    """quality.toml cannot be read: what is wrong with it."""


class Quality(Frozen):
    """What quality.toml says.

    level: what the author claims; None: nothing
    exempt: reason by rule; a word is no reason
    """

    level: Level | None = None
    exempt: dict[str, Annotated[str, Field(min_length=10)]] = Field(default_factory=dict)

    @classmethod
    def of(cls, package: str) -> "Quality":
        """Return what the file in `package` says; no file claims nothing. Raises QualityWrong."""
        try:
            text = resources.files(package).joinpath(FILE).read_text("utf-8")
        except FileNotFoundError:
            return cls()
        try:
            return cls.model_validate(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise QualityWrong(f"{package}/{FILE}: {' '.join(str(error).split())}") from error
