"""How the sandbox refuses: an exception that becomes an answer from the table of assumed ones."""

from postfach_mailbox_muk.assumed import CODE, MESSAGE, STATUS, Code


class Refusal(Exception):
    """The request is not what it must be.

    text: what is wrong and where; holds nothing of what was sent but names of fields and numbers
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return STATUS[self.code]

    @property
    def body(self) -> dict[str, str]:
        """The answer's body."""
        return {CODE: self.code, MESSAGE: self.text}
