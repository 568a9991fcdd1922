"""Metadata of a submission and of a reply: what there is, of which type, with which hash.

Hashes are SHA-512 of the clear bytes, so that who decrypts sees that nothing was exchanged.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from postfach_fitconnect.assumed import ATTACHMENTS_MAX, METADATA_SCHEMA
from postfach_fitconnect.parcel import UUID, Parcel

_NAME_MAX: Final = 255
_HASH: Final = "sha512"


class MetadataRefused(Exception):
    """The metadata of a reply are not what they have to be; the text says what of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A document of a reply; `sha512` is lower-case hex."""

    id: str
    filename: str
    media_type: str
    sha512: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a reply says of itself."""

    subject: str | None
    data_type: str
    data_sha512: str
    attachments: tuple[Announced, ...]


def written(
    parcel: Parcel, hashes: Mapping[str, str], reply_key: Mapping[str, Any] | None
) -> bytes:
    """Return the metadata of a submission.

    hashes: of each attachment, by its id; reply_key: our public JWK, where replies are wanted
    """
    found: dict[str, Any] = {
        "$schema": METADATA_SCHEMA,
        "contentStructure": {
            "data": {
                "submissionSchema": {
                    "schemaUri": parcel.data.schema,
                    "mimeType": parcel.data.media_type,
                },
                "hash": _hash(sha512(parcel.data.content)),
            },
            "attachments": [
                {
                    "attachmentId": each.id,
                    "purpose": each.purpose,
                    "filename": each.filename,
                    "mimeType": each.media_type,
                    "hash": _hash(hashes[each.id]),
                }
                for each in parcel.attachments
            ],
        },
        "publicServiceType": public_service(parcel),
    }
    if reply_key is not None:
        channel = {"encryptionPublicKey": dict(reply_key), "processStandards": []}
        found["replyChannel"] = {"fitConnect": channel}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def public_service(parcel: Parcel) -> dict[str, str]:
    """Return the public service that a submission belongs to."""
    return {"identifier": parcel.service, "name": parcel.service_name or parcel.service}


def sha512(data: bytes) -> str:
    """Return the hash of bytes, lower-case hex."""
    return hashlib.sha512(data).hexdigest()


def read(data: bytes) -> Metadata:
    """Return the metadata of a reply. Raises MetadataRefused."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise MetadataRefused("the metadata are no JSON") from None
    structure = _member(found, "contentStructure")
    own = _member(structure, "data")
    listed = structure.get("attachments", [])
    if not isinstance(listed, list) or len(listed) > ATTACHMENTS_MAX:
        raise MetadataRefused("attachments: too many, or no list")
    attachments = tuple(_announced(each) for each in listed)
    if len({each.id for each in attachments}) != len(attachments):
        raise MetadataRefused("attachments: an id occurs twice")
    subject = found.get("subject")
    return Metadata(
        subject=subject if isinstance(subject, str) and subject.strip() else None,
        data_type=_text(_member(own, "submissionSchema"), "mimeType"),
        data_sha512=_read_hash(own),
        attachments=attachments,
    )


def _announced(each: object) -> Announced:
    if not isinstance(each, dict):
        raise MetadataRefused("attachments: not objects")
    found = _text(each, "attachmentId").lower()
    if not UUID.fullmatch(found):
        raise MetadataRefused("attachmentId: no UUID")
    return Announced(
        id=found,
        filename=_text(each, "filename"),
        media_type=_text(each, "mimeType"),
        sha512=_read_hash(each),
    )


def _hash(value: str) -> dict[str, str]:
    return {"type": _HASH, "content": value}


def _read_hash(found: Mapping[str, Any]) -> str:
    said = _member(found, "hash")
    if said.get("type") != _HASH:
        raise MetadataRefused("hash: not sha512")
    return _text(said, "content").lower()


def _member(found: object, name: str) -> dict[str, Any]:
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, dict):
        raise MetadataRefused(f"{name}: missing")
    return value


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _NAME_MAX:
        raise MetadataRefused(f"{name}: missing, or too long")
    return value
