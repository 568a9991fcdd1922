"""Writes the reference of what the hub hands out from its schemas; `make docs` calls it.

    make_reference.py receipts [--check]     docs/reference/receipts.md

With --check it writes nothing and ends with 1 where the page is not what the schemas say.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from hub import schemas
from hub.receipt import Outcome
from hub.schemas import XSD

FIRST_SENTENCE: Final = re.compile(r"(.*?)\.(?: [A-Z].*)?$")
BUILT_IN: Final = {"xs:date": "A date.", "xs:boolean": "true or false."}
DOCS: Final = Path(__file__).parents[1] / "docs" / "reference"

RECEIPTS: Final = """\
# Receipts and sealed notices

Made from the schemas by `make docs`; do not edit. The schemas are `schemas/receipt.xsd` and
`schemas/sealed-notice.xsd` (types they share: `schemas/common.xsd`), examples of each kind lie in
`schemas/examples`. The namespace is `{namespace}`.

## How to check a seal

A receipt can be checked without the hub. With the hub's program:

    hub receipt verify FILE --trust CA.pem

and without it, by xmlsec1 (Debian: `apt install xmlsec1`):

    xmlsec1 --verify --trusted-pem CA.pem --id-attr:Id SignedProperties FILE

Both ask whether the certificate is valid now. For a file from the time of an older certificate,
xmlsec1 takes `--verification-gmt-time "2026-02-03 10:00:00"`; that the seal was made by then needs
another proof, since the time in a B-B seal is the hub's own claim. xmlsec1 tells that the seal is
intact and made by a certificate of that CA; which part of the file it covers, and whether key and
algorithms are strong enough, only the first command tells.

The file is final in each byte: store it as it is. Inside other XML it travels as base64.

## Kinds of receipts

A receipt's file is named `<stem>.<nn>.<kind>.xml`; `<stem>` is the stem of the drop.

| kind | Outcome | Event ({event}...) | ends it |
| --- | --- | --- | --- |
{kinds}

SETTLED as failed carries the event ContentConsignmentFailure.
"""


def receipts() -> str:
    """Return the page on receipts."""
    prefix = "http://uri.etsi.org/19522/Event/"
    kinds = "\n".join(
        f"| `{one.suffix}` | {one} | {(one.event or '-').removeprefix(prefix)} | "
        f"{'yes' if one.final else 'no'} |"
        for one in Outcome
    )
    head = RECEIPTS.format(namespace=schemas.NAMESPACE, event=prefix, kinds=kinds)
    return head + section("receipt") + section("sealed-notice")


def section(name: str) -> str:
    """Return the description of the one root element of a schema."""
    root = etree.parse(str(schemas.folder() / f"{name}.xsd")).getroot()
    common = etree.parse(str(schemas.folder() / "common.xsd")).getroot()
    types = {
        str(one.get("name")): one for part in (common, root) for one in part if one.get("name")
    }
    element = next(root.iterchildren(f"{XSD}element"))
    lines = [f"\n## {element.get('name')}\n", said(root), ""]
    lines += ["| element | times | content | meaning |", "| --- | --- | --- | --- |"]
    lines += rows(element, types, ())
    lines.append("| `ds:Signature` | 1 | XAdES | The hub's seal over the whole document. |")
    return "\n".join(lines) + "\n"


def rows(
    parent: etree._Element, types: dict[str, etree._Element], above: tuple[str, ...]
) -> Iterator[str]:
    """Give a row for each attribute and element below `parent`, in the order of the file."""
    kind = definition(parent, types)
    if kind is None:
        return
    for attribute in attributes(kind, types):
        times = "1" if attribute.get("use") == "required" else "0..1"
        label = "/".join((*above, f"@{attribute.get('name')}"))
        yield row(label, times, attribute, types)
    for child in kind.iterfind(f"{XSD}sequence/{XSD}element"):
        path = (*above, str(child.get("name")))
        least, most = child.get("minOccurs", "1"), child.get("maxOccurs", "1")
        most = "n" if most == "unbounded" else most
        yield row("/".join(path), least if least == most else f"{least}..{most}", child, types)
        yield from rows(child, types, path)


def row(label: str, times: str, node: etree._Element, types: dict[str, etree._Element]) -> str:
    """Return one line of the table."""
    kind = definition(node, types)
    content = BUILT_IN.get(str(node.get("type")), "") if kind is None else in_words(kind, types)
    return f"| `{label}` | {times} | {cell(content)} | {cell(said(node))} |"


def in_words(kind: etree._Element, types: dict[str, etree._Element]) -> str:
    """Return what a value of the type must be; in short for a type that many schemas share."""
    text = said(kind) or extended(kind, types)
    own = kind.getroottree().getroot().find(f"{XSD}element") is not None
    return text if own and said(kind) else FIRST_SENTENCE.sub(r"\1.", text)


def extended(kind: etree._Element, types: dict[str, etree._Element]) -> str:
    """Return what is said of the type that a type without words of its own extends."""
    extension = kind.find(f"{XSD}simpleContent/{XSD}extension")
    above = None if extension is None else types.get(str(extension.get("base")))
    return "" if above is None else said(above)


def definition(node: etree._Element, types: dict[str, etree._Element]) -> etree._Element | None:
    """Return the definition of the node's type, named or inside it."""
    named = node.get("type")
    if named is not None:
        return types.get(named)
    return next(node.iterchildren(f"{XSD}complexType", f"{XSD}simpleType"), None)


def attributes(kind: etree._Element, types: dict[str, etree._Element]) -> Iterator[etree._Element]:
    """Give the attributes of a type, those of the type it extends first."""
    yield from kind.iterchildren(f"{XSD}attribute")
    extension = kind.find(f"{XSD}simpleContent/{XSD}extension")
    if extension is not None:
        above = types.get(str(extension.get("base")))
        if above is not None:
            yield from attributes(above, types)
        yield from extension.iterchildren(f"{XSD}attribute")


def said(node: etree._Element) -> str:
    """Return the node's own documentation on one line."""
    return " ".join((node.findtext(f"{XSD}annotation/{XSD}documentation") or "").split())


def cell(text: str) -> str:
    """Return text as it may stand in a table."""
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write or check the page named first."""
    if arguments[:1] != ["receipts"]:
        print(__doc__, file=sys.stderr)
        return 64
    file, text = DOCS / "receipts.md", receipts()
    if "--check" in arguments:
        return 0 if file.is_file() and file.read_text("utf-8") == text else 1
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
