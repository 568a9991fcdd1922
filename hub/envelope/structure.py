"""The schema's layer: bytes that passed the layers before become a tree that fits its schema.

The root element says which: notice.xsd, or status-update.xsd.

libxml2 gives the verdict. Its messages hold values, so the text of a refusal is made here, from
the kind of the error and from the schema's own words; `explain` (hub.diagnosis) may add detail.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from lxml import etree

from hub import schemas
from hub.diagnosis import Diagnosis
from hub.errors import NoticeRefused, RefusalClass

Explain = Callable[[bytes], Diagnosis | None]

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
FIX = "Correct this place and hand the notice in again; its MessageID may stay"

_ATTRIBUTE = re.compile(r"Element '[^']*', attribute '([^']*)'")
_MISSING = re.compile(r"The attribute '([A-Za-z]+)' is required but missing")
_OURS = re.compile(r"\{" + re.escape(schemas.NAMESPACE) + r"\}([A-Za-z]+)")

# What libxml2 found, by the name of its error; anything else is a value that does not fit.
_FINDINGS = {
    "SCHEMAV_CVC_ELT_1": "the root element is not that of an envelope",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "the attribute is not known here",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "the attribute is not known here",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "the attribute is missing",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": "elements stand where only text may",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text stands where only elements may",
    "SCHEMAV_CVC_TYPE_3_1_2": "elements stand where only text may",
    "SCHEMAV_CVC_IDC": "another document of the notice has the same id or reference",
}

# Of these, the place says all; the words for the element's type would add nothing.
_PLAIN = ("SCHEMAV_CVC_IDC", "SCHEMAV_CVC_COMPLEX_TYPE_2_3")


def tree(data: bytes, lines: Sequence[int], explain: Explain | None) -> etree._Element:
    """Return the root of an envelope that fits the schema. Raises NoticeRefused.

    lines: the line of each element in document order
    explain: asked for detail where the schema refuses; None adds none
    """
    try:
        root = schemas.parse(data)
    except etree.XMLSyntaxError as error:
        raise NoticeRefused(
            RefusalClass.XML_MALFORMED,
            "9050",
            "the envelope is not well-formed XML",
            fix="Write the envelope as well-formed XML 1.0 in UTF-8",
            line=error.lineno or None,
        ) from None
    _refuse_instance_attributes(root, lines)
    if not schemas.schema(schema_of(root)).validate(root):
        raise _refusal(root, lines, data, explain)
    return root


def schema_of(root: etree._Element) -> str:
    """Return the name of the schema that an envelope is held against."""
    return schemas.ENVELOPES.get(str(root.tag), "notice")


def invalid(what: str, line: int | None, path: str) -> NoticeRefused:
    """Return the refusal of an element that the format forbids."""
    return NoticeRefused(RefusalClass.SCHEMA_INVALID, "9050", what, fix=FIX, line=line, path=path)


def _refuse_instance_attributes(root: etree._Element, lines: Sequence[int]) -> None:
    """Refuse schemaLocation hints, types and nil: they would change what the schema checks."""
    for element, line in zip(root.iter(), lines, strict=True):
        for name in element.attrib:
            if str(name).startswith(XSI):
                what = "attributes of XML Schema's instance namespace are not allowed"
                raise invalid(what, line, f"{schemas.path_of(element)}/@{schemas.shown(str(name))}")


def _refusal(
    root: etree._Element,
    lines: Sequence[int],
    data: bytes,
    explain: Explain | None,
) -> NoticeRefused:
    """Return the refusal for the first of libxml2's errors, with its line, path and remedy."""
    elements = list(root.iter())
    # An error names its element by line only. Numbered so, the line is the element, also where
    # several stand on one line or beyond line 65535.
    for number, element in enumerate(elements, 1):
        element.sourceline = number  # type: ignore[assignment]  # the stub has no type for it
    schema = schemas.schema(schema_of(root))
    schema.validate(root)
    error: etree._LogEntry = cast("list[Any]", schema.error_log)[0]  # the stub knows no items
    index = min(max(error.line, 1), len(elements)) - 1
    element, line = elements[index], lines[index]
    path, attribute = schemas.path_of(element), _attribute(error)
    if attribute:
        path += f"/@{attribute}"
    what = _finding(error) + _expected(error, element, attribute, schema_of(root))
    diagnosis = explain(data) if explain else None
    # Detail counts only if it speaks of the same place, and says more.
    if diagnosis is not None and diagnosis.path == path and diagnosis.expected:
        told = what.endswith(f"expected: {diagnosis.expected.rpartition(': ')[2]}")
        what += "" if told else f" ({diagnosis.expected})"
    return invalid(what, line, path)


def _attribute(error: etree._LogEntry) -> str | None:
    """Return the local name of the attribute that the error is about, if it is about one."""
    found = _MISSING.search(error.message) if _is_missing(error) else None
    found = found or _ATTRIBUTE.match(error.message)
    return schemas.shown(found[1]) if found else None


def _is_missing(error: etree._LogEntry) -> bool:
    return bool(error.type_name == "SCHEMAV_CVC_COMPLEX_TYPE_4")


def _finding(error: etree._LogEntry) -> str:
    if error.type_name == "SCHEMAV_ELEMENT_CONTENT":
        lacks = "Missing child element(s)" in error.message
        return "an element is missing" if lacks else "the element is not expected here"
    return _FINDINGS.get(error.type_name, "the value does not fit")


def _expected(
    error: etree._LogEntry, element: etree._Element, attribute: str | None, schema: str
) -> str:
    """Return what should be there: names or words of the schema, never of the envelope."""
    known = schemas.expectations(schema)
    if error.type_name in _PLAIN:
        return ""
    if error.type_name == "SCHEMAV_CVC_ELT_1":
        return f"; expected: Notice or StatusUpdate in the namespace {schemas.NAMESPACE}"
    if error.type_name == "SCHEMAV_ELEMENT_CONTENT":
        # The list is the message's end; before it stand names that the sender chose.
        listed = error.message.rpartition("Expected is")
        names = [name for name in _OURS.findall(listed[2]) if listed[1] and name in known]
        return f"; expected: {' or '.join(names)}" if names else ""
    local = schemas.shown(str(element.tag))
    words = known.get(f"{local}/@{attribute}" if attribute else local)
    if words is None and attribute:
        names = [key.partition("/@")[2] for key in known if key.startswith(f"{local}/@")]
        words = f"only {', '.join(names)}" if names else "no attribute"
    return f"; expected: {words}" if words else ""
