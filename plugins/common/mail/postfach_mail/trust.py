"""Whether a message is by whom it must be: what our own mail server found (RFC 8601, RFC 6376).

Anybody may write to an address. The receiving server checks the signature of the sending domain
(DKIM) and says so in a header of its own, which it takes away from messages that bring one along.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_COMMENT: Final = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Who must have signed, and who says so.

    signed_by: the domain of the signature; checked_by: the authserv-id of our own mail server
    """

    signed_by: str
    checked_by: str

    def holds(self, results: Sequence[str]) -> bool:
        """Whether our server found the signature good.

        results: the headers Authentication-Results, the topmost first: only that one counts, since
        a server writes its own above all that came along
        """
        if not results:
            return False
        told, found = results[0][:8192], 1
        while found:  # comments stand in comments
            told, found = _COMMENT.subn(" ", told)
        who, *methods = (part.split() for part in told.lower().split(";"))
        if not who or who[0] != self.checked_by.lower():
            return False
        domain = self.signed_by.lower()
        return any(
            words[:1] == ["dkim=pass"]
            and bool({f"header.d={domain}", f"header.i=@{domain}"} & set(words))
            for words in methods
        )
