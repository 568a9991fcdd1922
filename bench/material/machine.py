"""Facts of the machine that a figure needs to mean anything."""

import os
import platform
import re
import shlex
import sqlite3
import sys
from pathlib import Path

from hub.durable import Disk


def command() -> str:
    """Return the command line that runs this script, from the root of the checkout."""
    here = Path(__file__).parents[2]
    script = Path(sys.argv[0]).resolve()
    return shlex.join([".venv/bin/python", str(script.relative_to(here)), *sys.argv[1:]])


def facts(folder: Path) -> str:
    """Return processor, cores, kernel, barrier of the file system under `folder`, versions, load.

    load: processes that ran or waited, mean of the last minute; over the cores the figures suffer
    """
    cores = len(os.sched_getaffinity(0))
    model = re.search(
        r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE
    )
    return (
        f"{cores} cores ({model[1] if model else platform.machine()}), Linux {os.uname().release}, "
        f"{file_system(folder)}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}; load {os.getloadavg()[0]:.1f}"
    )


def file_system(folder: Path) -> str:
    """Return the barrier in use, and whether the file system is an ext4 without a journal.

    Such an ext4 looks past every file removed in the last minutes when it makes a new one (Linux,
    fs/ext4/ialloc.c, recently_deleted), so that runs slow each other down there: not for measuring.
    """
    name, device = Disk().name(folder), folder.stat().st_dev
    disk = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    if "ext4" in name and not any(Path("/proc/fs/jbd2").glob(f"{disk}-*")):
        return f"{name} WITHOUT A JOURNAL: new files are slow after removals, use --folder"
    return name
