"""Tell systemd that the loop turns, where it asks to be told (`WatchdogSec=` in the unit).

Source: sd_notify(3).
"""

import os
import socket
from contextlib import suppress


class Notifier:
    """Sends `WATCHDOG=1`; does nothing where nobody asked."""

    def __init__(self, address: str | None) -> None:
        """Speak to a socket. `address`: as in NOTIFY_SOCKET; None: to none."""
        self._address = address
        self._socket = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def of_environment(cls) -> "Notifier":
        """Return the one that the environment names; asked for only with WATCHDOG_USEC."""
        return cls(os.environ.get("NOTIFY_SOCKET") if "WATCHDOG_USEC" in os.environ else None)

    def turned(self) -> None:
        """Say that the loop turns."""
        if self._socket and self._address:
            name = self._address
            with suppress(OSError):  # who does not listen is told again in a second
                self._socket.sendto(b"WATCHDOG=1", f"\0{name[1:]}" if name[0] == "@" else name)

    def close(self) -> None:
        """Say nothing more."""
        if self._socket:
            self._socket.close()
