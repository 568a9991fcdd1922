"""The XSDs: where they lie, compiled by libxml2, and what their documentation says of a value.

The schemas and their examples are installed with the hub as `hub/schemas`; in a checkout they lie
in `schemas/` beside the package. Both are the same files. Elements are named here by their local
names only: there is one namespace.

Security: XML is parsed from bytes, never from a path that came from outside; no network, no DTD,
no entity is resolved.
"""

import re
from functools import cache
from pathlib import Path

from lxml import etree

NAMESPACE = "urn:postfachdienst:envelope:1"
XSD = "{http://www.w3.org/2001/XMLSchema}"
# the root elements of envelopes, and the schema of each
ENVELOPES = {
    f"{{{NAMESPACE}}}Notice": "notice",
    f"{{{NAMESPACE}}}StatusUpdate": "status-update",
}

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,63}")
_FIRST_SENTENCE = re.compile(r"(.*?)\.(?= [A-Z]|$)")


def folder() -> Path:
    """Return the folder of the schemas: the installed one, else the checkout's."""
    installed = Path(__file__).parent / "schemas"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "schemas"


@cache
def schema(name: str) -> etree.XMLSchema:
    """Return the compiled schema `name` (without suffix), made once per process."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.XMLSchema(etree.parse(str(folder() / f"{name}.xsd"), parser))


def parse(data: bytes) -> etree._Element:
    """Return the root element of `data`. Raises etree.XMLSyntaxError.

    A parser of its own for each call: a parser keeps the errors of its last document.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return etree.fromstring(data, parser)


def shown(name: str) -> str:
    """Return an element's or attribute's local name as refusals may show it.

    A name that no schema of ours could hold becomes `*`: a sender may have put anything into it.
    """
    local = name.rpartition("}")[2]
    return local if _PLAIN_NAME.fullmatch(local) else "*"


def path_of(element: etree._Element) -> str:
    """Return the element's path by local names, such as `/Notice/Document[2]/Digest`.

    An index, counted from 1, is given where siblings share the name.
    """
    steps: list[str] = []
    step: etree._Element | None = element
    while step is not None:
        before = sum(1 for _ in step.itersiblings(step.tag, preceding=True))
        alone = before == 0 and next(step.itersiblings(step.tag), None) is None
        steps.append(shown(str(step.tag)) + ("" if alone else f"[{before + 1}]"))
        step = step.getparent()
    return "/" + "/".join(reversed(steps))


@cache
def expectations(name: str) -> dict[str, str]:
    """Return what schema `name` asks of its elements and attributes, in words.

    Keys are `Element` and `Element/@attribute`; the words are the first sentence of the
    documentation of the type. An element's name has one meaning in a schema.
    """
    roots = [etree.parse(str(folder() / f"{part}.xsd")).getroot() for part in (name, "common")]
    types = {
        str(kind.get("name")): kind
        for root in roots
        for kind in root.iterchildren(f"{XSD}simpleType", f"{XSD}complexType")
    }
    found: dict[str, str] = {}
    for root in roots:
        for element in root.iter(f"{XSD}element"):
            label = str(element.get("name"))
            found[label] = _words(element, types)
            for attribute in _attributes(_type(element, types), types):
                found[f"{label}/@{attribute.get('name')}"] = _words(attribute, types)
    return found


def _type(node: etree._Element, types: dict[str, etree._Element]) -> etree._Element | None:
    """Return the definition of the node's type: a named one of ours, or the one inside it."""
    named = node.get("type")
    if named is not None:
        return types.get(named)
    return next(node.iterchildren(f"{XSD}simpleType", f"{XSD}complexType"), None)


def _words(node: etree._Element, types: dict[str, etree._Element]) -> str:
    """Return the first sentence about the node's type, else about the node itself."""
    kind = _type(node, types)
    for documented in (kind, node):
        if documented is None:
            continue
        text = documented.findtext(f"{XSD}annotation/{XSD}documentation")
        sentence = _FIRST_SENTENCE.match(" ".join((text or "").split()))
        if sentence:
            return sentence[1]
    return ""


def _attributes(
    kind: etree._Element | None, types: dict[str, etree._Element]
) -> list[etree._Element]:
    """Return the attributes that a complex type declares, with those of the types it extends."""
    if kind is None:
        return []
    found = list(kind.iterchildren(f"{XSD}attribute"))
    for extension in kind.iterfind(f"{XSD}simpleContent/{XSD}extension"):
        found += extension.iterchildren(f"{XSD}attribute")
        found += _attributes(types.get(str(extension.get("base"))), types)
    return found
