"""What the fault tests share with the end-to-end tests."""

from tests.flow.conftest import moody, with_moody, world

__all__ = ["moody", "with_moody", "world"]
