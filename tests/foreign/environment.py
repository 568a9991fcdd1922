"""A Python of a plugin's own, into which the plugin is installed by pip as an operator does it."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.material import ROOT

HOSTILE = ROOT / "tests" / "foreign" / "hostile"
QUIET = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def public_base() -> Path | None:
    """Return a Python of the tests' own version that every user may run; None if there is none."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (Path(sys.executable), Path("/usr/local/bin") / name, Path("/usr/bin") / name):
        place = candidate.resolve()
        # a link may lead through a folder that is closed to others
        if place.exists() and all(each.stat().st_mode & 0o5 for each in (place, *place.parents)):
            return place
    return None


def make(folder: Path, *parts: Path, base: Path | None = None) -> Path:
    """Make a Python below `folder` with the contract and these distributions; return it.

    base: the Python that it is made of, if not the tests' own

    What the contract needs is found in the site folder of the tests' own Python, which is only a
    place to look: the distributions in this checkout are not to be had from there.
    """
    home, wheels = folder / "python", folder / "wheels"
    command = [str(base or sys.executable), "-m", "venv", "--without-pip", str(home)]
    subprocess.run(command, check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = home / "lib" / version / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    python = home / "bin" / "python"
    for part in (ROOT / "plugins" / "contract", *parts):
        _pip("wheel", "--no-build-isolation", "--wheel-dir", str(wheels), str(part))
    found = [str(wheel) for wheel in sorted(wheels.glob("*.whl"))]
    _pip("--python", str(python), "install", "--ignore-installed", *found)
    return python


def _pip(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-index", "--no-deps"],
        check=True,
        env=QUIET,
    )
