from collections.abc import Iterator

import pytest

from postfach_mailbox_bundid.sandbox.desk import OTHER, SENDER, Desk, trying
from postfach_sandbox import ca


@pytest.fixture(scope="session")
def certificates() -> ca.Certificates:
    return ca.issue([SENDER, OTHER], bits=2048)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, certificates: ca.Certificates) -> Iterator[Desk]:
    with trying(tmp_path_factory.mktemp("sandbox"), certificates) as desk:
        yield desk
