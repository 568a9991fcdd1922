"""The hub's end of the file transport: take drops by renaming them, read them safely, settle them.

    folders     a procedure's folders, held by descriptor; which worker has claims there
    claims      what a claimed drop is called
    reading     read a stranger's file once, refused if it is no plain file or changes
    taking      `Spool`: scan, claim, read, count a try, finish, reject, adopt
    settling    put the files of settled drops away
    liveness    which worker of this machine is alive
    heartbeat   what it says of itself
    removal     take off what lay in `rejected/` long enough

Source: docs/reference/spool.md.
"""

from hub.spool.claims import Claim, Stuck
from hub.spool.folders import Folders, Identity
from hub.spool.heartbeat import Heartbeat
from hub.spool.liveness import WorkerLock, alive, heartbeat, workers
from hub.spool.removal import remove_rejected
from hub.spool.taking import Signature, Spool, Spools, open_spool

__all__ = [
    "Claim",
    "Folders",
    "Heartbeat",
    "Identity",
    "Signature",
    "Spool",
    "Spools",
    "Stuck",
    "WorkerLock",
    "alive",
    "heartbeat",
    "open_spool",
    "remove_rejected",
    "workers",
]
