"""A disk that is full: the kernel's limit on the size of files, for tests of failing writes."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Let the kernel refuse to write beyond `limit` bytes of any file of this process.

    As on a full disk, the write that reaches the limit is short, and the next one fails (EFBIG).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
