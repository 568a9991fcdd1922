"""What recipients write back into a mailbox that is a folder, and where it comes out."""

import json
from pathlib import Path

from tests.flow.world import World


def letter(world: World) -> Path:
    """Return the folder of the one letter that lies in a mailbox."""
    (found,) = [one for one in world.letters() if len(one.name) == 64]
    return found


def reply(found: Path, name: str = "r1", about: str | None = None, **more: object) -> Path:
    """Let a reply with two documents come back about a letter."""
    replies = found.parent / "replies"
    made = replies / f".{name}"
    made.mkdir(parents=True)
    (made / "proof.pdf").write_bytes(b"%PDF-1.7 proof" * 40_000)
    (made / "empty.txt").write_bytes(b"")
    said = {
        "about": about or found.name,
        "subject": "Re: Ihr Bescheid",
        "text": "Anbei.\nGruß",
        "documents": [
            {"filename": "proof.pdf", "content_type": "application/pdf"},
            {"filename": "empty.txt", "content_type": "text/plain"},
        ],
    }
    (made / "reply.json").write_text(json.dumps(said | more), "utf-8")
    made.rename(replies / name)
    return replies


def replies(world: World) -> list[Path]:
    return sorted((world.procedure / "out").glob("*.reply.xml"))
