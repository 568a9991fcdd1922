"""Runs the kit against the fake and against each of its defects, in a Python that has them."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

FOUND = """\
import json

import pytest
from postfach_mailbox.testkit.bench import Bench
from postfach_mailbox.testkit.contract import *
from postfach_mailbox.testkit.fake import FakeFarSide
from tests.contract.defective import DEFECTS

@pytest.fixture
def mailbox_name():
    return "defective"

@pytest.fixture(params=[None, *DEFECTS], ids=str)
def bench(request, tmp_path):
    found = DEFECTS.get(request.param)
    config = {{"path": str(tmp_path), "repeat": "IDEMPOTENT"}}
    if found is not None:
        config = config | {{"defect": found.rule}} | found.config
    return Bench(config=config, far_side=FakeFarSide(tmp_path), folder=tmp_path)

"""


def failed(python: Path, folder: Path, wanted: Iterable[str] | None) -> dict[str, set[str]]:
    """Return the tests that failed, by defect (`None`: the fake as it is).

    wanted: pairs `test[defect]`; None: every test with every defect
    """
    module = folder / "test_mutants.py"
    module.write_text(FOUND.format())
    (folder / "pytest.ini").write_text("[pytest]\n")
    report = folder / "report.xml"
    chosen = [str(module)] if wanted is None else [f"{module}::{each}" for each in wanted]
    subprocess.run(
        [
            *(
                str(python),
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--import-mode=importlib",
            ),
            *("-c", str(folder / "pytest.ini"), "--rootdir", str(folder)),
            *("--junitxml", str(report), "--basetemp", str(folder / "tmp"), *chosen),
        ],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    found: dict[str, set[str]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # pytest wrote it, just now
        test, _, defect = case.attrib["name"].removesuffix("]").partition("[")
        of_defect = found.setdefault(defect, set())
        if case.find("failure") is not None or case.find("error") is not None:
            of_defect.add(test)
    return found
