"""Requests over HTTP that tell what was sent from what was not.

client    Client.ask: one request and its answer, with an absolute end
tls       Tls: certificates that may change while calls run; Identity, to sign with
failures  NotConnected, NotTrusted, Lost: what a failure means to what was to be sent
outcomes  what an answer means to a notice; needs the contract, and nothing else here does
"""

from postfach_http.client import Answer, Client
from postfach_http.failures import Failed, Lost, NotConnected, NotTrusted
from postfach_http.tls import Identity, Tls

__all__ = [
    "Answer",
    "Client",
    "Failed",
    "Identity",
    "Lost",
    "NotConnected",
    "NotTrusted",
    "Tls",
]
