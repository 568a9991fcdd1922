"""Seals: XAdES B-B on sealed notices and receipts, and their verification.

`Seal.load` reads key and certificate, `Seal.sign` puts the seal into a document, `verify` accepts
or refuses a sealed document without the hub, its database or its keys. What keys and algorithms
are good enough stands in one table (`policy`).

A B-B seal proves who sealed and that nothing changed since. The time in it is the signer's own
claim; only a time stamp (level B-T) would prove it to others.

Source: ETSI EN 319 132-1 (XAdES), EN 319 102-1 (validation), TS 119 312 (algorithms).
"""

from hub.seal.key import load
from hub.seal.policy import POLICY, Algorithm, SealInvalid, SealUnavailable
from hub.seal.verification import Verified, is_own, unbroken, verify
from hub.seal.xades import Seal

__all__ = [
    "POLICY",
    "Algorithm",
    "Seal",
    "SealInvalid",
    "SealUnavailable",
    "Verified",
    "is_own",
    "load",
    "unbroken",
    "verify",
]
