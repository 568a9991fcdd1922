"""The contract's version, and who may work with whom.

A plugin says by `contract` of its capabilities which version it was written for. The hub takes one
of its own major version that is not newer than itself. docs/reference/contract.md says what may
change in which part of the number.
"""

CONTRACT_VERSION = "1.2"
FIRST_VERSION = "1.0"  # of this major version: what a plugin that says nothing was written for
VERSION_PATTERN = r"^[0-9]{1,3}\.[0-9]{1,3}$"


def fits(written_for: str, offered: str = CONTRACT_VERSION) -> bool:
    """Whether a plugin written for one version works with another: same major, not newer."""
    wanted, here = _numbers(written_for), _numbers(offered)
    return wanted[0] == here[0] and wanted[1] <= here[1]


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)
