"""Making connections: names, addresses, and how long either may take."""

import os
import queue
import select
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

import h11

from postfach_http.call import Call
from postfach_http.failures import NotConnected
from postfach_http.line import Line

CONNECT: Final = 10.0  # seconds for all addresses of a host together
_READ: Final = 16 * 1024

_Address = tuple[Any, ...]
_Found = list[tuple[socket.AddressFamily, _Address]]


def connect(host: str, port: int, call: Call) -> Line:
    """Connect, trying each address of the host. Raises NotConnected."""
    try:
        found = _addresses(host, port, min(CONNECT, call.seconds()))
        failure = "it has no address"
        for position, (family, address) in enumerate(found):
            share = min(CONNECT, call.seconds()) / (len(found) - position)
            try:
                return Line(_connected(family, address, share))
            except OSError as error:
                failure = type(error).__name__
    except TimeoutError as error:
        raise NotConnected("no time is left to connect") from error
    raise NotConnected(f"no connection ({failure})")


def tunnel(line: Line, host: str, port: int, call: Call) -> None:
    """Let a proxy connect the line to a host (RFC 9110, 9.3.6). Raises NotConnected."""
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    parser = h11.Connection(h11.CLIENT)
    asked = parser.send(h11.Request(method="CONNECT", target=name, headers=[("Host", name)]))
    try:
        # Some hundred bytes on a new connection: the system takes them at once, or it is broken.
        if line.send(memoryview(asked or b"")) != len(asked or b""):
            raise NotConnected("the proxy takes nothing")
        while (event := parser.next_event()) is h11.NEED_DATA:
            line.wait(select.POLLIN, call)
            parser.receive_data(line.receive(_READ) or b"")
    except (OSError, h11.RemoteProtocolError) as error:
        raise NotConnected(f"the proxy does not answer ({type(error).__name__})") from error
    if not isinstance(event, h11.Response) or not 200 <= event.status_code < 300:
        raise NotConnected("the proxy does not connect us: see its settings")


def _connected(family: socket.AddressFamily, address: _Address, seconds: float) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        _connect(made, address, seconds)
    except BaseException:
        made.close()
        raise
    return made


def _connect(made: socket.socket, address: _Address, seconds: float) -> None:
    with suppress(BlockingIOError):
        made.connect(address)
    poll = select.poll()
    poll.register(made, select.POLLOUT)
    if not poll.poll(seconds * 1000):
        raise TimeoutError
    if failed := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(failed, os.strerror(failed))  # Python makes a ConnectionRefusedError of it


def _addresses(host: str, port: int, seconds: float) -> _Found:
    """Return the host's addresses. Raises NotConnected.

    The system's resolver takes no time-out: it is asked by a thread that may outlive the call, and
    ends by the resolver's own.
    """
    if _is_literal(host):
        return _resolve(host, port)
    answers: queue.SimpleQueue[_Found | OSError] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(_resolve(host, port))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=work, name="resolver", daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise NotConnected("the host's name was not resolved in time") from None
    if isinstance(found, OSError):
        raise NotConnected("the host's name is not known") from found
    return found


def _resolve(host: str, port: int) -> _Found:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
