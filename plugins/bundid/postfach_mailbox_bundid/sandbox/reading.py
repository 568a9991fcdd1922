"""Reading JSON as strictly as JSON is meant: UTF-8, no name twice, an object outside."""

import json
from typing import Any

from postfach_mailbox_bundid.assumed import Code
from postfach_mailbox_bundid.sandbox.refusing import Refusal


def json_object(data: bytes, what: str, code: Code = Code.REQUEST_INVALID) -> dict[str, Any]:
    """Return the object that the bytes are. Raises Refusal, with `what` as the place."""
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise Refusal(code, f"{what}: not JSON in UTF-8, or a name twice in an object") from error
    if not isinstance(found, dict):
        raise Refusal(code, f"{what}: a JSON object is wanted")
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
