"""A disk that notes what it was asked to make durable, and when."""

from collections.abc import Sequence
from pathlib import Path

from hub.durable import Disk


class Watched(Disk):
    """As a Disk; `synced` holds the path of each file and folder, as it was called then."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[Path] = []

    def sync(self, files: Sequence[int], folders: Sequence[int] = ()) -> None:
        self.synced += map(path_of, (*files, *folders))
        super().sync(files, folders)

    def sync_folder(self, fd: int) -> None:
        self.synced.append(path_of(fd))
        super().sync_folder(fd)


def path_of(fd: int) -> Path:
    return Path(f"/proc/self/fd/{fd}").readlink()
