"""A Python that has what the tests' own has, and mailboxes that are installed nowhere else."""

import subprocess
import sys
import sysconfig
from pathlib import Path

NAME, VERSION = "postfach-mailbox-defective", "1.0.0"
ENTRIES = """\
[postfach.mailboxes]
fake = postfach_mailbox.testkit.fake
defective = tests.contract.defective
kitless = tests.contract.defective
lenient = tests.contract.defective
muddled = tests.contract.defective
whoami = tests.contract.defective
[postfach.testkits]
fake = postfach_mailbox.testkit.fake
defective = tests.contract.defective
lenient = tests.contract.lenient
muddled = tests.contract.muddled
whoami = tests.contract.whoami
"""


def make(folder: Path, base: Path | None = None) -> Path:
    """Make it in `folder`, with the mailboxes of ENTRIES; return it.

    base: the Python that it is made of, if not the tests' own
    """
    command = [str(base or sys.executable), "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    ours = sysconfig.get_path("purelib")
    # It leads to this checkout too, and so to `tests`.
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    record = site / f"{NAME.replace('-', '_')}-{VERSION}.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n")
    (record / "entry_points.txt").write_text(ENTRIES)
    return folder / "bin" / "python"
