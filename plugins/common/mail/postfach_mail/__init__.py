"""The return channel of mailboxes that tell by e-mail what recipients did and wrote.

    settings   the table `mail`: a folder of .eml files, or a mailbox on an IMAP server
    source     where messages wait, and how they are marked as taken, or set aside
    folder     messages as files
    imap       messages on a server
    message    one message, read within bounds; what is beyond them is Unreadable
    address    addresses that hold a notice's key, so that what is sent there names its notice
    trust      whether our own mail server saw the signature (DKIM) of who may write here
    channel    collect, fetch and acknowledge of the contract

A message says whose it is by the address it was sent to, which the mailbox was given with the
notice: nothing that stands in it has to be understood for that. It is marked as taken when the hub
has stored it, and never deleted.
"""

from postfach_mail.address import Pattern
from postfach_mail.channel import Channel
from postfach_mail.settings import MailConfig
from postfach_mail.source import Away

__all__ = ["Away", "Channel", "MailConfig", "Pattern"]
