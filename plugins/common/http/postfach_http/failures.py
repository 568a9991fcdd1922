"""What went wrong with a request, told apart by what it means to what was to be sent.

    Failed
    ├── NotConnected   surely nothing of the request was sent: it may be tried again
    ├── NotTrusted     surely nothing of it was taken: certificates must be mended first
    └── Lost           the other side may have taken it

Their texts hold no header, no path and nothing of a body.
"""


class Failed(Exception):
    """There is no answer."""


class NotConnected(Failed):
    """There is no connection: name not found, refused, away, or no time left to begin.

    Surely nothing of the request was sent.
    """


class NotTrusted(Failed):
    """A certificate, ours or theirs, is not accepted or cannot be loaded; or no TLS is spoken.

    Surely nothing of the request was taken. With TLS 1.3 the other side refuses our certificate
    only after the handshake (RFC 8446, 4.4.2.4 and 6.2): that is NotTrusted too, when its alert
    says so before anything else came back on a new connection.
    """


class Lost(Failed):
    """The connection broke, or time was up, after the first byte of the request was sent.

    The other side may have taken it, wholly or not at all.
    """
