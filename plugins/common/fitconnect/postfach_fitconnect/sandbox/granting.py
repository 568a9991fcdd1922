"""The token endpoint, and who a token belongs to (RFC 6749, 4.4; RFC 6750).

Tokens are forgotten when the sandbox ends, as a service may do: a client asks for a new one.
"""

import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_sandbox.faults import Switches

FORM: Final = "application/x-www-form-urlencoded"
SECONDS: Final = 1800
_FIELDS: Final = frozenset({"grant_type", "client_id", "client_secret", "scope"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An API client that was registered; `scopes`: what it may ask for."""

    secret: str
    scopes: frozenset[str] = frozenset()


class GrantRefused(Exception):
    """No token is given; `error` as RFC 6749, 5.2 names it."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.status = error, status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    client: str
    until: datetime


class Grants:
    """Gives tokens and knows them again, by the clock of the sandbox. Safe for threads.

    clients, seconds: may be changed while it serves
    """

    def __init__(
        self, clients: Mapping[str, Client], switches: Switches, seconds: float = SECONDS
    ) -> None:
        """Let these clients in; a token lasts so many seconds."""
        self.clients, self.seconds = dict(clients), seconds
        self._switches = switches
        self._lock = threading.Lock()
        self._grants: dict[str, _Grant] = {}

    def grant(self, content_type: str, body: bytes) -> dict[str, Any]:
        """Return the answer to a request for a token. Raises GrantRefused."""
        fields = _form(content_type, body)
        if fields.get("grant_type") != "client_credentials":
            raise GrantRefused("unsupported_grant_type")
        name, secret = fields.get("client_id", ""), fields.get("client_secret", "")
        client = self.clients.get(name)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise GrantRefused("invalid_client", 401)
        wanted = frozenset(fields.get("scope", "").split())
        if not wanted <= client.scopes:
            raise GrantRefused("invalid_scope")
        now = self._switches.now()
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._grants = {key: each for key, each in self._grants.items() if each.until > now}
            until = now + timedelta(seconds=self.seconds)
            self._grants[token] = _Grant(client=name, until=until)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.seconds}

    def client(self, authorization: str | None) -> str:
        """Return whose token a header holds. Raises Refusal."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refused("Authorization: Bearer and a token are wanted")
        with self._lock:
            found = self._grants.get(token)
        if found is None or found.client not in self.clients:
            raise _refused("the token is not known")
        if found.until <= self._switches.now():
            raise _refused("the token has expired")
        return found.client

    def forget(self) -> None:
        """Let all tokens be worth nothing."""
        with self._lock:
            self._grants.clear()


def _form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type != FORM:
        raise GrantRefused("invalid_request")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise GrantRefused("invalid_request") from None
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= _FIELDS:
        raise GrantRefused("invalid_request")
    return found


def _refused(text: str) -> Refusal:
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Refusal(Problem.TOKEN_INVALID, text, headers=challenge)
