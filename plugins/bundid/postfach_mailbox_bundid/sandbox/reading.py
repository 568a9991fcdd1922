"""Reading JSON as strictly as JSON is meant; what is none is refused with its place."""

from typing import Any

from postfach_mailbox_bundid.assumed import Code
from postfach_mailbox_bundid.sandbox.refusing import Refusal
from postfach_sandbox import answering


def json_object(data: bytes, what: str, code: Code = Code.REQUEST_INVALID) -> dict[str, Any]:
    """Return the object that the bytes are. Raises Refusal, with `what` as the place."""
    try:
        return answering.json_object(data)
    except ValueError as error:
        raise Refusal(code, f"{what}: {error}") from error
