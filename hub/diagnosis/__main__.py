"""The child of hub.diagnosis: answers envelopes with what xmlschema finds in them."""

import ctypes
import json
import os
import re
import resource
import signal
import socket
import sys
from dataclasses import asdict
from typing import Any

import xmlschema
from xmlschema.validators import (
    XMLSchemaChildrenValidationError,
    XMLSchemaValidationError,
    XsdEnumerationFacets,
    XsdFacet,
    XsdPatternFacets,
)

from hub import schemas
from hub.diagnosis import LENGTH, READY, Diagnosis

MEMORY_LIMIT = 512 * 1024 * 1024  # bytes of address space

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ATTRIBUTE = re.compile(
    r"attribute ([A-Za-z]+)=|missing required attribute '([A-Za-z]+)'"
    r"|'([^']{1,1024})' attribute not allowed"
)


def diagnose(known: dict[str, xmlschema.XMLSchema10], data: bytes) -> Diagnosis | None:
    """Return the first thing that xmlschema finds; None if the envelope fits its schema.

    known: the schemas by name, as `load` gives them
    data: an envelope that all layers before the schema have passed
    """
    root = schemas.parse(data)
    schema = known[schemas.ENVELOPES.get(str(root.tag), "notice")]
    error = next(schema.iter_errors(root), None)
    if error is None:
        return None
    element: Any = error.elem  # lxml's, which xmlschema knows by its protocol only
    if isinstance(error, XMLSchemaChildrenValidationError) and error.invalid_child is not None:
        element = error.invalid_child
    path = schemas.path_of(element) if element is not None else "/"
    if found := _ATTRIBUTE.match(error.reason or ""):
        path += f"/@{schemas.shown(next(filter(None, found.groups())))}"
    line = getattr(element, "sourceline", None)
    return Diagnosis(line=line, path=path, expected=_rule(error))


def _rule(error: XMLSchemaValidationError) -> str:
    """Return the broken rule in the schema's terms; nothing of it comes from the envelope."""
    if isinstance(error, XMLSchemaChildrenValidationError):
        names = [tag.rpartition(":")[2] for tag in error.expected_tags]
        return f"required next: {' or '.join(names)}" if names else ""
    rule = error.validator
    if isinstance(rule, XsdPatternFacets):
        return f"pattern {' or '.join(map(str, rule.regexps))}"
    # The values of an enumeration stand in the documentation of its type already.
    if isinstance(rule, XsdFacet) and not isinstance(rule, XsdEnumerationFacets):
        name = type(rule).__name__.removeprefix("Xsd").removesuffix("Facet")
        return f"{name[0].lower()}{name[1:]} {rule.value!s}" if rule.value is not None else ""
    return ""


def load() -> dict[str, xmlschema.XMLSchema10]:
    """Return the schemas of envelopes as xmlschema has them: local files only."""
    return {
        name: xmlschema.XMLSchema10(str(schemas.folder() / f"{name}.xsd"), allow="local")
        for name in schemas.ENVELOPES.values()
    }


def serve(channel: socket.socket) -> None:
    """Answer envelopes until the hub closes the channel."""
    known = load()
    channel.sendall(READY)
    with channel.makefile("rb") as incoming:
        while len(head := incoming.read(LENGTH)) == LENGTH:
            found = diagnose(known, incoming.read(int.from_bytes(head)))
            answer = json.dumps(None if found is None else asdict(found)).encode()
            channel.sendall(len(answer).to_bytes(LENGTH) + answer)


def main() -> None:
    """Be the child: `python -m hub.diagnosis FD`. Dies with the hub, whatever it is doing."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir("/")
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
