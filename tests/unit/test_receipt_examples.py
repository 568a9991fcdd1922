"""The sealed examples and the reference page: what readers see first must be true."""

import shutil
import subprocess
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from hub import schemas, seal
from tests import certificates as made
from tools import make_reference

FOLDER = schemas.folder() / "examples"
OTHERS = ("sealed-notice", "reply")
EXAMPLES = sorted([*FOLDER.glob("receipt-*.xml"), *(FOLDER / f"{name}.xml" for name in OTHERS)])
DAY = made.NOW.replace(minute=30)  # of the examples' story; their trial CA is good for three years


def schema_of(file: Path) -> str:
    return file.stem if file.stem in OTHERS else "receipt"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_valid_and_its_seal_holds(file: Path) -> None:
    """By libxml2, by xmlschema, and by our own check against the CA beside it."""
    data = file.read_bytes()
    name = schema_of(file)
    schemas.schema(name).assertValid(etree.fromstring(data))
    xmlschema.XMLSchema10(str(schemas.folder() / f"{name}.xsd"), allow="local").validate(
        data.decode()
    )
    verified = seal.verify(data, (FOLDER / "trial-ca.pem",), at=DAY)
    assert "trial" in verified.signer


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_xmlsec1_accepts_an_example(file: Path) -> None:
    """By the command that the reference names."""
    program = shutil.which("xmlsec1")
    if program is None:
        pytest.skip("xmlsec1: not installed, not checked")
    command = [program, "--verify", "--trusted-pem", str(FOLDER / "trial-ca.pem")]
    command += ["--id-attr:Id", "SignedProperties"]
    command += ["--verification-gmt-time", f"{DAY:%Y-%m-%d %H:%M:%S}", str(file)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


def test_there_is_an_example_of_each_receipt_that_is_issued() -> None:
    """And of one that a person decided."""
    kinds = {file.stem.removeprefix("receipt-") for file in FOLDER.glob("receipt-*.xml")}
    ends = {"accepted", "rejected", "deposited", "failed", "unresolved", "settled"}
    assert kinds == {*ends, "retrieved", "status", "posted", "post-result"}


def test_a_receipt_holds_no_name_and_no_subject() -> None:
    """What the example notice says to its recipient is in the sealed notice only."""
    sealed = (FOLDER / "sealed-notice.xml").read_text("utf-8")
    for private in ("Ihr Bescheid", "Bescheid über die Auskunft.pdf"):
        assert private in sealed
        assert not any(private in file.read_text("utf-8") for file in FOLDER.glob("receipt-*.xml"))


def test_the_reference_of_receipts_is_what_the_schemas_say() -> None:
    """After a change: make docs."""
    assert make_reference.main(["receipts", "--check"]) == 0


def test_each_element_and_attribute_is_documented() -> None:
    """The schemas are the reference."""
    for name in ("receipt", "sealed-notice"):
        root = etree.parse(str(schemas.folder() / f"{name}.xsd")).getroot()
        for node in root.iter(f"{schemas.XSD}element", f"{schemas.XSD}attribute"):
            assert node.findtext(f"{schemas.XSD}annotation/{schemas.XSD}documentation"), node
