"""What the tests share: what a load sets for its process ends with the test."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Give a working folder; a pinned plugin's bytecode is written there, as in a child."""
    folder = tmp_path_factory.mktemp("child")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.pycache_prefix", sys.pycache_prefix)
    return folder
