"""What the hostile tests share with the end-to-end tests."""

from tests.flow.conftest import world

__all__ = ["world"]
