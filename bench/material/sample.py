"""The mailbox that `hub plugin new` makes, installed in a Python of its own, with its sandbox."""

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub import template
from tests.foreign import environment

NAME = "sample"
TABLE = """\
plugin = "sample"
python = "{python}"
scheme = "{scheme}"
in_flight = 64
wait = "1"
[mailboxes.{scheme}.config]
url = "http://127.0.0.1:{port}"
token_file = "{token}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Where the mailbox is installed, and a file with the token of its sandbox."""

    python: Path
    token: Path

    def table(self, scheme: str, port: int) -> str:
        """Return the table of a mailbox in hub.toml."""
        return TABLE.format(python=self.python, scheme=scheme, port=port, token=self.token)


def install(folder: Path) -> Sample:
    """Make the mailbox and install it, as a third party and an operator do."""
    folder.mkdir()
    made = template.render(NAME, folder)
    token = folder / "token"
    token.write_text("sandbox", "utf-8")
    return Sample(python=environment.make(folder / "own", made), token=token)


@contextmanager
def sandbox(sample: Sample, port: int, seconds: float) -> Iterator[None]:
    """Run the sandbox; it stores, and answers each deposit after so many seconds."""
    module = f"postfach_mailbox_{NAME}.sandbox"
    process = subprocess.Popen(
        [str(sample.python), "-m", module, "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout:
            process.stdout.readline()  # it says so when it listens
        address = f"http://127.0.0.1:{port}/switch?account=*&do=slow&value={seconds}"
        urllib.request.urlopen(address, data=b"", timeout=10).close()  # http: above
        yield
    finally:
        process.kill()
        process.wait()
