"""Addresses that hold a notice's key: `gelesen+{key}@rathaus.example`.

The key is written in base32, 52 letters and digits, without case, so that the local part stays
within 64 octets (RFC 5321, 4.5.3.1.1). What follows the plus sign is a subaddress (RFC 5233): the
mail server puts all of them into one mailbox.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

PLACE: Final = "{key}"
KEY_CHARACTERS: Final = 52
LOCAL_MOST: Final = 64  # octets
_FORM: Final = re.compile(r"[A-Za-z0-9._+=-]*\{key\}[A-Za-z0-9._+=-]*@[A-Za-z0-9.-]+")


class Pattern:
    """An address with a place for the key."""

    def __init__(self, text: str) -> None:
        """Take it as it stands in the settings. Raises ValueError where it is none."""
        self.text = text
        if not _FORM.fullmatch(self.text):
            raise ValueError(
                f"an address with {PLACE} before the @, such as read+{PLACE}@a.example"
            )
        local = self.text.partition("@")[0]
        if len(local) - len(PLACE) + KEY_CHARACTERS > LOCAL_MOST:
            most = LOCAL_MOST - KEY_CHARACTERS
            raise ValueError(f"beside {PLACE} at most {most} characters before the @")

    def of(self, key: str) -> str:
        """Return the address of a notice, by its key (64 hex characters)."""
        short = base64.b32encode(bytes.fromhex(key)).decode().rstrip("=").lower()
        return self.text.replace(PLACE, short)

    def key(self, addresses: Iterable[str]) -> str | None:
        """Return the key of the notice that these addresses name; None where none does, or two.

        addresses: as they stand in a message, in any case
        """
        before, _, after = (re.escape(part) for part in self.text.lower().partition(PLACE))
        form = re.compile(f"{before}([a-z2-7]{{{KEY_CHARACTERS}}}){after}")
        found = {match[1] for each in addresses if (match := form.fullmatch(each.lower()))}
        if len(found) != 1:
            return None
        try:
            return base64.b32decode(found.pop().upper() + "====").hex()
        except binascii.Error:
            return None
