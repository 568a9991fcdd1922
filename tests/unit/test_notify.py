"""Telling systemd that the loop turns."""

import socket
from pathlib import Path

import pytest

from hub.app.notify import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_where_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    address = f"@{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{tmp_path}" if abstract else address)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        notifier = Notifier.of_environment()
        notifier.turned()
        assert systemd.recv(100) == b"WATCHDOG=1"
        notifier.close()


def test_one_who_does_not_listen_stops_no_work(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.turned()
    notifier.close()


@pytest.mark.timeout(30)
def test_one_who_does_not_read_stops_no_work(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier(str(tmp_path / "notify"))
        for _ in range(2000):  # more than a socket keeps
            notifier.turned()
        notifier.close()
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_nobody_is_told_who_did_not_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        Notifier.of_environment().turned()
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
