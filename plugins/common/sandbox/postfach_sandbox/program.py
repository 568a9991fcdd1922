"""The options that every sandbox's program has."""

import argparse
from pathlib import Path

from postfach_sandbox.ca import Files


def options(
    prog: str, description: str | None, *, port: int, folder: str
) -> argparse.ArgumentParser:
    """Return a parser of `--port` and `--folder`, to be added to."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {prog}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=port, help=f"default {port}")
    parser.add_argument("--folder", type=Path, default=Path(folder))
    return parser


def hint(files: Files) -> str:
    """Return where each client's certificate lies, a line for each."""
    return "".join(
        f"{each.pkcs12}, password in {each.password}\n" for each in files.clients.values()
    )
