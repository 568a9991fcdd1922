"""What a mailbox says about itself, once, when it starts.

Plain data, no network. The hub keeps it and checks every notice against it at intake, also while
the mailbox is down: limits, levels, legal bases and types are refused then, not after days.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from postfach_mailbox.address import check_pattern
from postfach_mailbox.notice import AssuranceLevel, LegalBasis
from postfach_mailbox.outcomes import Frozen
from postfach_mailbox.version import FIRST_VERSION, VERSION_PATTERN


class Repeat(StrEnum):
    """What the same key given twice means to the mailbox; decides how the hub leaves a doubt."""

    IDEMPOTENT = "IDEMPOTENT"  # one deposit, and the first answer again: the hub sends again
    QUERYABLE = "QUERYABLE"  # `reconcile` can tell: the hub asks
    NEITHER = "NEITHER"  # a person decides


class Capabilities(Frozen):
    """A mailbox's own description.

    contract: version of the contract that the plugin was written for
    scheme: the mailbox's name in `Mailbox/@scheme`; hub.toml may give it another
    address_pattern: regular expression for the whole mailbox id, in the linear-time subset that
        `address.py` describes
    address_normal_form: `lower` where ids differ in case only by accident, else `exact`
    legal_bases: those the mailbox can serve
    assurance_level: the highest that its accounts have
    max_file, max_total: bytes, of one document and of all; max_count: documents
    media_types: IANA types that it takes, or ("*/*",)
    subject_max, sender_max, text_max: characters; None where there is no limit
    confirms: `at-once` where deposit itself confirms, `later` where it answers Pending
    prepares: has `prepare`
    return_channel, retrieval_events: has `collect` and `acknowledge`
    status: has `set_status`
    relays: hands notices on to the post, in place of a mailbox (RelayToNonERDS, ETSI EN 319 522-1):
        it gets only what finally failed, of tenants that name it in `postal`. A key that is given
        twice must be one letter, or `reconcile` must tell. Since 1.2
    in_flight: calls at once that suit the mailbox, as a hint; hub.toml decides
    """

    contract: str = Field(default=FIRST_VERSION, pattern=VERSION_PATTERN)
    scheme: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    address_pattern: Annotated[str, Field(max_length=1000), AfterValidator(check_pattern)]
    address_normal_form: Literal["exact", "lower"] = "exact"
    legal_bases: frozenset[LegalBasis] = Field(min_length=1)
    assurance_level: AssuranceLevel
    max_file: int = Field(ge=1)
    max_total: int = Field(ge=1)
    max_count: int = Field(ge=1)
    media_types: tuple[str, ...] = Field(default=("*/*",), min_length=1)
    subject_max: int | None = Field(default=None, ge=1)
    sender_max: int | None = Field(default=None, ge=1)
    text_max: int | None = Field(default=None, ge=1)
    repeat: Repeat
    confirms: Literal["at-once", "later"] = "at-once"
    prepares: bool = False
    return_channel: bool = False
    status: bool = False
    retrieval_events: bool = False
    relays: bool = False
    in_flight: int | None = Field(default=None, ge=1, le=1024)

    @model_validator(mode="after")
    def _a_relay_posts_once(self) -> "Capabilities":
        if self.relays and self.repeat is Repeat.NEITHER:
            raise ValueError("a relay is IDEMPOTENT or QUERYABLE: nothing is posted twice")
        if self.relays and (self.prepares or self.status or self.retrieval_events):
            raise ValueError("a relay neither prepares nor shows a status or retrievals")
        return self

    def normal(self, address: str) -> str | None:
        """Return the mailbox id in its normal form, or None where it cannot be one of these."""
        wanted = address.lower() if self.address_normal_form == "lower" else address
        return wanted if re.fullmatch(self.address_pattern, wanted) else None

    def takes(self, media_type: str) -> bool:
        """Whether documents of this type are taken; parameters and case do not count."""
        plain = media_type.partition(";")[0].strip().lower()
        return "*/*" in self.media_types or plain in self.media_types
