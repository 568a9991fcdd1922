"""What is needed of a client of HTTP."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from postfach_http import Answer
from postfach_http.client import MOST

Left = Callable[[], float]
"""Seconds that a call may still take."""


class Asks(Protocol):
    """What is needed of a client; see `postfach_http.Client`."""

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
        length: int | None = None,
        left: Left,
        most: int = MOST,
    ) -> Answer:
        """Send a request and return its answer."""
        ...
