"""The Submission API of FIT-Connect, version 2: the client. Its sandbox is `sandbox`.

settings  FitConnect, Bridge: tables of hub.toml
parcel    Parcel, Data, Attachment: what is sent; Reference: what the hub keeps of it
service   Service: deposit, reconcile, account, health, collect, fetch, acknowledge
sets      security event tokens: what counts as the other side's word
judging   what an event log means to a notice
assumed   what is assumed of the real service; README.md says what is known
testkit   keys, tokens and a service that is played in memory, for tests

Inside: api, asking, tokens (requests with a token), destinations, keys, kept (what is known of the
other side), jwe, sending, metadata, submitting (what goes out), log, settling (what became of it),
replies, replykey, returning (what comes back), ending (how a call ends).
"""

from postfach_fitconnect.ending import NotNow
from postfach_fitconnect.parcel import Attachment, Data, Parcel, Reference
from postfach_fitconnect.service import Service
from postfach_fitconnect.settings import Bridge, FitConnect

__all__ = ["Attachment", "Bridge", "Data", "FitConnect", "NotNow", "Parcel", "Reference", "Service"]
