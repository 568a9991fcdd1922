"""Requests to the Submission API, with a token."""

import json
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from postfach_fitconnect.asking import Asks, Left
from postfach_fitconnect.assumed import REQUEST_ID
from postfach_fitconnect.settings import FitConnect
from postfach_fitconnect.tokens import Tokens, place
from postfach_http import Answer, Client, Tls
from postfach_http.client import MOST

JSON: Final = "application/json"
# Halves of characters: JSON can spell them alone, and no bytes can be made of them.
_HALF: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request sends; `pieces` is called at each sending, and gives `length` bytes."""

    media_type: str
    length: int
    pieces: Callable[[], Generator[bytes]]


class Unreadable(Exception):
    """An answer is not what it has to be; the text says what of it, never what stands there."""


class Api:
    """The API for one client. Safe for threads."""

    def __init__(self, settings: FitConnect, client: Asks | None = None) -> None:
        """Take the settings; opens nothing. `client` stands in for both services, for tests."""
        tls = Tls(ca_file=settings.ca_file)
        base, path = place(settings.token_url)
        self._client: Asks = client or Client(settings.submission_url, tls, proxy=settings.proxy)
        self.tokens = Tokens(
            client or Client(base, tls, proxy=settings.proxy),
            path,
            client_id=settings.client_id,
            secret_file=settings.secret_file,
            scope=settings.scope,
        )

    def ask(
        self,
        method: str,
        path: str,
        *,
        left: Left,
        body: Body | None = None,
        accept: str = JSON,
        most: int = MOST,
        request_id: str | None = None,
    ) -> Answer:
        """Send a request; where its token is refused, once more with a new one.

        A refused token (401) proves that nothing of the request was taken. Raises Ended: there is
        no token, and nothing of the request was sent; else as `Client.ask`.
        """
        token = self.tokens.current(left)
        headers = _headers(token, accept, request_id)
        answer = self._send(method, path, headers, left, body=body, most=most)
        if answer.status == 401:
            token = self.tokens.current(left, refused=token)
            headers = _headers(token, accept, request_id)
            answer = self._send(method, path, headers, left, body=body, most=most)
        return answer

    def open(self, path: str, *, left: Left, most: int = MOST) -> Answer:
        """Ask for something that needs no token."""
        return self._client.ask("GET", path, headers={"Accept": JSON}, left=left, most=most)

    def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        left: Left,
        *,
        body: Body | None,
        most: int,
    ) -> Answer:
        if body is None:
            return self._client.ask(method, path, headers=headers, left=left, most=most)
        headers["Content-Type"] = body.media_type
        with closing(body.pieces()) as pieces:  # they may hold a file open
            return self._client.ask(
                method,
                path,
                headers=headers,
                body=pieces,
                length=body.length,
                left=left,
                most=most,
            )


def _headers(token: str, accept: str, request_id: str | None) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": f"{accept}, application/problem+json",
    }
    return headers if request_id is None else {**headers, REQUEST_ID: request_id}


def json_body(value: object) -> Body:
    """Return a body of JSON."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return bytes_body(data, JSON)


def bytes_body(data: bytes | tuple[bytes, ...], media_type: str) -> Body:
    """Return a body of bytes that are there already."""
    parts = (data,) if isinstance(data, bytes) else data
    return Body(media_type=media_type, length=sum(map(len, parts)), pieces=lambda: _given(parts))


def path(pattern: str, **values: str) -> str:
    """Return a path; values that come from others are encoded (RFC 3986)."""
    return pattern.format(**{name: quote(value, safe="") for name, value in values.items()})


def read(answer: Answer) -> dict[str, Any]:
    """Return an answer's JSON object. Raises Unreadable."""
    if not answer.whole:
        raise Unreadable("the answer is too long")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Unreadable("the answer is no JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("the answer is no object of JSON")
    return found


def text(found: dict[str, Any], name: str, most: int = 1000) -> str:
    """Return a member that has to be a text. Raises Unreadable."""
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or _HALF.search(value):
        raise Unreadable(f"the answer has no fit {name}")
    return value


def _given(parts: Iterable[bytes]) -> Generator[bytes]:
    yield from parts
