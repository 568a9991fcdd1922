"""Certificates of a client, loaded when they are needed and again when their files changed.

Who replaces a file writes it aside and renames it. A file that cannot be read while it is being
written changes nothing: what was loaded before stays in use until the new one loads.
"""

import ssl
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from postfach_http.failures import NotTrusted
from postfach_http.identity import Identity, Unloadable, load

__all__ = ["Identity", "Loaded", "Tls"]

_AGAIN: Final = 1.0  # seconds until files that could not be loaded are tried again unchanged
_END: Final = b"-----END CERTIFICATE-----"

_Stamp = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """One state of the files: what new connections use."""

    context: ssl.SSLContext
    identity: Identity | None


class Tls:
    """Whom we trust, and who we are.

    Safe for threads. The files are looked at before each request, and loaded again when one of
    them changed (time, inode or size): so credentials rotate without a pause.
    """

    def __init__(
        self,
        ca_file: Path | None = None,
        certificate: Path | None = None,
        password_file: Path | None = None,
    ) -> None:
        """Take where the files are; opens none.

        ca_file: PEM, certificates that the other side's is held against; None: the system's
        certificate: our own with its key, PKCS#12 or PEM; None: we show none
        password_file: holds the password of `certificate` in its first line
        """
        self._files = (ca_file, certificate, password_file)
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        self._stamp: _Stamp | None = None
        self._tried: tuple[_Stamp, float] | None = None  # what could not be loaded, and when

    def identity(self) -> Identity:
        """Return our certificate and its key, to sign with. Raises NotTrusted."""
        identity = self.loaded().identity
        if identity is None:
            raise NotTrusted("no certificate is set: name a PKCS#12 or PEM file in the settings")
        return identity

    def certificate_pem(self) -> bytes:
        """Return our certificate and those between it and its root, as PEM. Raises NotTrusted."""
        return self.identity().certificate_pem()

    def loaded(self) -> Loaded:
        """Return what the files say now; the same object as long as nothing changed.

        Raises NotTrusted: nothing could be loaded yet, or our certificate's time is over.
        """
        with self._lock:
            loaded = self._fresh()
        if loaded.identity is not None:
            _check_time(loaded.identity)
        return loaded

    def _fresh(self) -> Loaded:
        """Load what changed; with something in use already, only what loads and is valid."""
        stamp = tuple(_stamp(each) for each in self._files)
        if self._loaded is None:
            self._loaded, self._stamp = self._load(), stamp
        elif stamp != self._stamp and self._worth_trying(stamp):
            try:
                loaded = self._load()
                if loaded.identity is not None:
                    _check_time(loaded.identity)
            except NotTrusted:
                self._tried = (stamp, time.monotonic())
            else:
                self._loaded, self._stamp = loaded, stamp
        return self._loaded

    def _worth_trying(self, stamp: _Stamp) -> bool:
        """Say no for a moment to what just failed: opening a PKCS#12 takes long on purpose."""
        if self._tried is None:
            return True
        failed, at = self._tried
        return failed != stamp or time.monotonic() >= at + _AGAIN

    def _load(self) -> Loaded:
        ca_file, certificate, password_file = self._files
        try:
            context = _context(ca_file)
            identity = load(certificate, password_file) if certificate is not None else None
            if identity is not None:
                identity.into(context)
        except Unloadable as error:
            raise NotTrusted(str(error)) from error
        return Loaded(context=context, identity=identity)


def _context(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return _strict(ssl.create_default_context())
    try:
        data = ca_file.read_bytes()
    except OSError as error:
        raise Unloadable(f"ca_file cannot be read: {error.strerror}") from error
    if not data.rstrip().endswith(_END):
        raise Unloadable(
            "ca_file does not end with a certificate in PEM: is it written to the end?"
        )
    try:
        return _strict(ssl.create_default_context(cadata=data.decode("ascii")))
    except (ssl.SSLError, ValueError) as error:
        raise Unloadable("ca_file holds no certificates in PEM that can be read") from error


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _check_time(identity: Identity) -> None:
    now, certificate = datetime.now(UTC), identity.certificate
    if now > certificate.not_valid_after_utc:
        end = certificate.not_valid_after_utc.date().isoformat()
        raise NotTrusted(f"our certificate was valid until {end}: put a new one in its place")
    if now < certificate.not_valid_before_utc:
        begin = certificate.not_valid_before_utc.date().isoformat()
        raise NotTrusted(
            f"our certificate is valid from {begin} only: look at this machine's clock"
        )


def _stamp(path: Path | None) -> tuple[int, int, int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size, found.st_ctime_ns)
