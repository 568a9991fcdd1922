"""A kit whose quality.toml exempts a rule that there is not."""

from tests.contract.lenient import bench

__all__ = ["bench"]
