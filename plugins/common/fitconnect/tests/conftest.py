"""What the tests share: keys, settings, and a service that talks to a played one."""

from pathlib import Path

import pytest

from postfach_fitconnect import FitConnect, Service
from postfach_fitconnect.api import Api
from postfach_fitconnect.testkit import URL, Far, Keys


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.new()


@pytest.fixture
def far(keys: Keys) -> Far:
    return Far(keys)


@pytest.fixture
def settings(tmp_path: Path) -> FitConnect:
    (tmp_path / "secret").write_text("Canary-Secret\n")
    return FitConnect(
        submission_url=URL,
        token_url="https://token.example/token",
        client_id="client",
        secret_file=tmp_path / "secret",
    )


@pytest.fixture
def service(settings: FitConnect, far: Far) -> Service:
    return Service(settings, Api(settings, far))


@pytest.fixture
def again(settings: FitConnect, far: Far) -> Service:
    """Give the service as it is after a restart: it knows no tokens and no keys."""
    return Service(settings, Api(settings, far))
