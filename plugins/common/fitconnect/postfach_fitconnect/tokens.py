"""The access token: asked for once, kept until shortly before its end, shared by all calls.

OAuth 2.0, client credentials (RFC 6749, 4.4).
"""

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from postfach_fitconnect.asking import Asks
from postfach_fitconnect.assumed import TOKEN_LIFETIME, TOKEN_MARGIN
from postfach_fitconnect.ending import Ended
from postfach_http import Answer, Failed, Lost
from postfach_http.outcomes import deferred, held, of_failure, retry_after, safe

_FORM: Final = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
}
_LIFETIME_MAX: Final = 24 * 3600.0
_SENDABLE: Final = re.compile(r"[!-~]{1,16384}")


class Tokens:
    """Gives the token that is in use. Safe for threads: one asks for a new one, the others wait."""

    def __init__(
        self,
        client: Asks,
        path: str,
        *,
        client_id: str,
        secret_file: Path,
        scope: str | None,
    ) -> None:
        """Take where and as whom to ask; reads no file yet."""
        self._client, self._path = client, path
        self._client_id, self._secret_file, self._scope = client_id, secret_file, scope
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0

    def current(self, left: Callable[[], float], refused: str | None = None) -> str:
        """Return a token.

        refused: one that the API did not accept: it is not given again

        Raises Ended: Held where we are not let in, Deferred where no one could be asked.
        """
        if not self._lock.acquire(timeout=max(0.0, left())):
            raise Ended(deferred("TOKEN_LATE", "no token was given in time"))
        try:
            if self._token is None or self._token == refused or _now() >= self._until:
                self._token = None
                self._token, lifetime = self._ask(left)
                self._until = _now() + lifetime - min(TOKEN_MARGIN, lifetime / 2)
            return self._token
        finally:
            self._lock.release()

    def _ask(self, left: Callable[[], float]) -> tuple[str, float]:
        fields = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret(),
        }
        if self._scope is not None:
            fields["scope"] = self._scope
        body = urlencode(fields).encode("ascii")
        try:
            answer = self._client.ask("POST", self._path, headers=_FORM, body=body, left=left)
        except Failed as failure:
            if isinstance(failure, Lost):
                text = "an answer of the token service was lost"
                raise Ended(deferred("TOKEN_LOST", text)) from failure
            raise Ended(of_failure(failure)) from failure
        return _read(answer)

    def _secret(self) -> str:
        try:
            lines = self._secret_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise Ended(held("SECRET_FILE", "secret_file: cannot be read")) from None
        if not lines or not lines[0].strip():
            raise Ended(held("SECRET_FILE", "secret_file: its first line is empty"))
        return lines[0].strip()


def place(url: str) -> tuple[str, str]:
    """Return a URL as base and path, as a client wants it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path or "/"


def _read(answer: Answer) -> tuple[str, float]:
    code = f"TOKEN_HTTP_{answer.status}"
    match answer.status:
        case 200:
            return _granted(answer)
        case 408 | 429:
            raise Ended(deferred(code, "the token service is busy", retry_after(answer)))
        case status if status >= 500:
            raise Ended(deferred(code, "the token service failed", retry_after(answer)))
    what = _error(answer)
    raise Ended(held(code, f"no token is given; client_id and secret_file must be right{what}"))


def _granted(answer: Answer) -> tuple[str, float]:
    found = _object(answer)
    token, lifetime = found.get("access_token"), found.get("expires_in", TOKEN_LIFETIME)
    bearer = str(found.get("token_type", "Bearer")).lower() == "bearer"
    if isinstance(token, str) and _SENDABLE.fullmatch(token) and bearer and _positive(lifetime):
        return token, float(min(lifetime, _LIFETIME_MAX))  # 400 digits make no float
    raise Ended(held("TOKEN_UNREADABLE", "token_url: the answer is no token"))


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _error(answer: Answer) -> str:
    error = _object(answer).get("error")
    return f"; it says: {safe(error)}" if isinstance(error, str) else ""


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
