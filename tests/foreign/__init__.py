"""Mailboxes of a third party, installed as a third party's are, into a Python of their own."""

import sys
import sysconfig
import venv
from pathlib import Path

ODD = Path(__file__).parent / "postfach_mailbox_odd.py"


def install(site: Path, name: str, version: str, modules: dict[str, str], entries: str) -> None:
    """Write a distribution into a site folder, as an installer would.

    modules: text by module name; entries: lines of the group `postfach.mailboxes`, or of others,
    each below its own head
    """
    for module, text in modules.items():
        (site / f"{module}.py").write_text(text, "utf-8")
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    head = "" if entries.startswith("[") else "[postfach.mailboxes]\n"
    (folder / "entry_points.txt").write_text(f"{head}{entries}\n")


def interpreter(folder: Path) -> Path:
    """Make a Python in `folder` that has what this one has, and the mailbox `odd`; return it."""
    venv.create(folder, symlinks=True, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    ours = sysconfig.get_path("purelib")
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    modules = {ODD.stem: ODD.read_text("utf-8")}
    install(site, "postfach-mailbox-odd", "2.0", modules, f"odd = {ODD.stem}")
    return folder / "bin" / "python"
