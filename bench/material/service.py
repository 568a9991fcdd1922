"""A hub that runs as a service, and what it announces, with the times of it."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

PATIENCE = 60.0  # seconds for one receipt, for the start, for the end


@contextmanager
def running(hub: Path, config: Path) -> Iterator["Queue[tuple[float, str]]"]:
    """Run a hub; give its announcements, each with the time it came."""
    command = [str(hub), "--config", str(config), "run", "--announce"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said: Queue[tuple[float, str]] = Queue()
    reader = threading.Thread(target=_read, args=(process, said), daemon=True)
    reader.start()
    try:
        yield said
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _read(process: "subprocess.Popen[str]", said: "Queue[tuple[float, str]]") -> None:
    for line in process.stdout or ():
        said.put((time.monotonic(), line))
