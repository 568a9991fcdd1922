"""The cover sheet: what shows in the envelope's window, and what the letter is about.

A PDF, set by Typst from a template of the distribution. What it says is data to the template, so
nothing in an address or a subject is ever markup. It is not called PDF/A: no validator says so.
"""

import json
from importlib import resources

import typst

from postfach_mailbox import NoticeData

SUBJECT = "Ihr Bescheid"


def render(notice: NoticeData, sender: str, enclosed: tuple[str, ...]) -> bytes:
    """Return the cover sheet as PDF; the same for the same letter, byte for byte.

    sender: one line above the address in the window; enclosed: names of the attachments
    Raises typst.TypstError where it cannot be set.
    """
    facts = {"Absender": notice.author.name or notice.author.identifier}
    if notice.case_reference:
        facts["Aktenzeichen"] = notice.case_reference
    facts["Datum"] = f"{notice.created_at:%d.%m.%Y}"
    letter = {
        "address": list(notice.postal_address),
        "enclosed": list(enclosed),
        "facts": facts,
        "sender": sender,
        "subject": notice.subject or SUBJECT,
    }
    template = resources.files(__package__) / "cover.typ"
    return typst.compile(
        template.read_bytes(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"letter": json.dumps(letter)},
    )
