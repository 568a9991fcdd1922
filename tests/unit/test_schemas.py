"""The schemas compile without a network, and two validators agree on every example."""

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from hub import schemas
from tests.material import ROOT

FOLDER = ROOT / "schemas"
XSD = "{http://www.w3.org/2001/XMLSchema}"
NAMES = sorted(file.name for file in FOLDER.glob("*.xsd"))
BEFORE = ("XmlForbidden", "XmlMalformed", "LimitExceeded")  # refused before a schema sees it
with (FOLDER / "examples" / "bad" / "index.tsv").open(encoding="utf-8", newline="") as _index:
    EARLY = {
        row["file"] for row in csv.DictReader(_index, delimiter="\t") if row["expect"] in BEFORE
    }
EXAMPLES = [file for file in sorted((FOLDER / "examples").rglob("*.xml")) if file.name not in EARLY]
SCHEMA = {"Notice": "notice.xsd", "Receipt": "receipt.xsd", "SealedNotice": "sealed-notice.xsd"}


@pytest.fixture(scope="module")
def second() -> dict[str, xmlschema.XMLSchema10]:
    return {
        name: xmlschema.XMLSchema10(str(FOLDER / name), allow="local", use_fallback=False)
        for name in SCHEMA.values()
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_element_and_type_is_documented(name: str) -> None:
    root = ET.parse(FOLDER / name).getroot()  # noqa: S314  # our own file
    for kind in ("element", "complexType", "simpleType"):
        for found in root.iter(f"{XSD}{kind}"):
            named = found.get("name")
            if named is not None:
                assert found.find(f"{XSD}annotation/{XSD}documentation") is not None, named


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_both_validators_agree(file: Path, second: dict[str, xmlschema.XMLSchema10]) -> None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    tree = etree.fromstring(file.read_bytes(), parser).getroottree()
    name = SCHEMA.get(etree.QName(tree.getroot()).localname, "notice.xsd")
    verdict = schemas.schema(name.removesuffix(".xsd")).validate(tree)
    assert second[name].is_valid(tree) == verdict


def test_the_folder_is_found_in_a_checkout() -> None:
    assert schemas.folder() == FOLDER
