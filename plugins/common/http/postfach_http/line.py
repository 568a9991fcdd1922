"""A socket that never blocks: what can be sent or read now, and waits that end with the call."""

import select
import socket
import ssl
from typing import Final

from postfach_http.call import Call
from postfach_http.failures import NotConnected, NotTrusted

_GLANCE: Final = 5.0  # seconds; a wait is looked at anew, so that a suspended machine ends in time
# What the other side says when it does not take our certificate (RFC 8446, 6.2).
REFUSALS: Final = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "TLSV1_ALERT_UNKNOWN_CA",
    }
)


class Line:
    """A connected socket, in clear or with TLS."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a socket that does not block."""
        self.socket = connection
        self.answered = False  # something came back by it, ever

    def send(self, data: memoryview) -> int | None:
        """Return how many bytes were taken; None: perhaps some. Raises OSError."""
        try:
            return self.socket.send(data)
        except ssl.SSLWantReadError:
            return 0
        except (BlockingIOError, ssl.SSLWantWriteError) as error:
            # OpenSSL may have sent a part of what it has encrypted.
            return None if isinstance(error, ssl.SSLError) else 0

    def receive(self, most: int) -> bytes | None:
        """Return what is there; None: nothing yet; empty: the end. Raises NotTrusted, OSError."""
        try:
            data = self.socket.recv(most)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except ssl.SSLError as error:
            if error.reason in REFUSALS and not self.answered:
                raise NotTrusted(f"our certificate is refused ({error.reason})") from error
            raise
        self.answered = self.answered or bool(data)
        return data

    def wait(self, events: int, call: Call) -> None:
        """Wait until the socket is ready. Raises TimeoutError at the call's end."""
        while not self.ready(events, min(call.seconds(), _GLANCE)):
            pass

    def ready(self, events: int, seconds: float) -> bool:
        """Say whether the socket is, or becomes, ready within so many seconds."""
        poll = select.poll()
        poll.register(self.socket, events)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        """End the connection."""
        self.socket.close()


def secured(line: Line, context: ssl.SSLContext, host: str, call: Call) -> Line:
    """Speak TLS from here on. Raises NotTrusted; NotConnected: it broke, or there was no time.

    The line is closed if that fails.
    """
    try:
        spoken = context.wrap_socket(
            line.socket, server_hostname=host, do_handshake_on_connect=False
        )
    except (OSError, ValueError) as error:
        line.close()
        raise NotConnected(f"the connection broke ({type(error).__name__})") from error
    made = Line(spoken)
    try:
        _shake_hands(made, spoken, call)
    except BaseException as error:
        made.close()
        if isinstance(error, OSError):
            raise _failure(error) from error
        raise
    return made


def _shake_hands(line: Line, spoken: ssl.SSLSocket, call: Call) -> None:
    while True:
        try:
            spoken.do_handshake()
            return
        except ssl.SSLWantReadError:
            line.wait(select.POLLIN, call)
        except ssl.SSLWantWriteError:
            line.wait(select.POLLOUT, call)


def _failure(error: OSError) -> NotTrusted | NotConnected:
    match error:
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return NotConnected("the connection was closed in the handshake")
        case ssl.SSLCertVerificationError():
            return NotTrusted(f"its certificate is not accepted: {error.verify_message}")
        case ssl.SSLError():
            return NotTrusted(f"no TLS connection ({error.reason})")
    return NotConnected(f"no TLS connection ({type(error).__name__})")
