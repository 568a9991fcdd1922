"""The sandboxes of `make demo`: a process each, over TLS with certificates of its own authority."""

import json
import re
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from tools.demo_hub import Failed

LISTENS = re.compile(r"^(?:ready|FIT-Connect) on (https://127\.0\.0\.1:\d+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox. urls: where it listens, one for each of `flags`."""

    module: str
    folder: Path
    flags: tuple[str, ...]
    more: tuple[str, ...]
    process: subprocess.Popen[str]
    urls: tuple[str, ...]

    @classmethod
    def started(
        cls,
        module: str,
        folder: Path,
        flags: tuple[str, ...] = ("--port",),
        at: Sequence[int] = (),
        more: tuple[str, ...] = (),
    ) -> Self:
        """Start it. Raises Failed.

        flags: options that name its ports; at: which, where it is not any that is free
        more: further options
        """
        command = [sys.executable, "-m", module, "--bits", "2048", "--folder", str(folder), *more]
        for flag, port in zip(flags, at or [0] * len(flags), strict=True):
            command += [flag, str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        found: list[str] = []
        while process.stdout is not None and len(found) < len(flags):
            line = process.stdout.readline()
            if not line:
                raise Failed("a sandbox ended; it said why above")
            found += LISTENS.findall(line)
        return cls(
            module=module,
            folder=folder,
            flags=flags,
            more=more,
            process=process,
            urls=tuple(found),
        )

    def again(self) -> Self:
        """Start it again where it was."""
        ports = [int(url.rpartition(":")[2]) for url in self.urls]
        return self.started(self.module, self.folder, self.flags, ports, self.more)

    def end(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def arrived(self) -> list[dict[str, Any]]:
        """Return what is known of all that arrived, in its order."""
        files = sorted((self.folder / "arrived").glob("[0-9]*/facts.json"))
        return [json.loads(file.read_bytes())["facts"] for file in files]

    def post(self, path: str, body: bytes = b"", **query: str) -> None:
        """Do something as whoever sits at it."""
        trusted = ssl.create_default_context(cafile=str(self.folder / "certificates" / "ca.pem"))
        url = f"{self.urls[0]}{path}?{urlencode(query)}"
        with urllib.request.urlopen(  # noqa: S310  # https, to the sandbox
            url, data=body, context=trusted, timeout=20
        ) as answer:
            answer.read()
