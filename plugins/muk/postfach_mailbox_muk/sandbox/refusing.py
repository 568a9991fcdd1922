"""How the sandbox refuses: an exception that becomes an answer from the table of assumed ones."""

from postfach_mailbox_muk.assumed import CODE, MESSAGE, STATUS, Code
from postfach_sandbox.answering import Refused


class Refusal(Refused):
    """The request is not what it must be: a code of the table of assumed answers, and a text."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(STATUS[code], {CODE: code, MESSAGE: text}, text)
        self.code = code
