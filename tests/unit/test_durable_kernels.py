"""Which kernel's syncfs can be relied on."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from hub import durable
from hub.durable import Disk


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("5.10.0-28-amd64", (5, 10)),
        ("6.1", (6, 1)),
        ("5.8-rc1", (5, 8)),
        ("4.19.0+", (4, 19)),
        ("", (0, 0)),
        ("next", (0, 0)),
    ],
)
def test_a_kernel_is_known_by_its_release(release: str, version: tuple[int, int]) -> None:
    assert durable._kernel(release) == version


@pytest.mark.parametrize(
    ("release", "relied_on"), [("5.7.19", False), ("5.8.0", True), ("", False)]
)
def test_syncfs_is_a_barrier_only_where_it_reports_what_was_lost(
    monkeypatch: pytest.MonkeyPatch, release: str, relied_on: bool
) -> None:
    monkeypatch.setattr(durable, "_file_system", lambda _fd: 0xEF53)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release))
    name = "syncfs (ext4)" if relied_on else "fsync per file"
    assert Disk().name(Path("/")) == name
