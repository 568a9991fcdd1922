from pathlib import Path

import pytest

from tests.contract import environment


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Python in which the fake is an installed mailbox, and one with defects."""
    return environment.make(tmp_path_factory.mktemp("python"))
