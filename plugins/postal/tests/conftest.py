"""What the tests of the relay share: a print service, and the relay to it."""

from pathlib import Path

import pytest

from postfach_mailbox_postal import PostalMailbox
from postfach_mailbox_postal.kit import PrintService

SENDER = "Bauamt, Postfach 1, 18055 Rostock"


@pytest.fixture
def service(tmp_path: Path) -> PrintService:
    return PrintService(tmp_path / "print", tmp_path / "printed").set_up()


@pytest.fixture
def relay(service: PrintService, tmp_path: Path) -> PostalMailbox:
    return PostalMailbox(PostalMailbox.Config(path=tmp_path / "print", sender=SENDER))
