"""How the sandbox refuses: an exception that becomes an answer from the table of assumed ones."""

from postfach_mailbox_bundid.assumed import ANSWERS, CODE, MESSAGE, Code


class Refusal(Exception):
    """The request is not what it must be.

    code: as in the table of assumed answers
    text: what is wrong and where; holds nothing of what was sent but names of fields and numbers
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return ANSWERS[self.code].status

    @property
    def body(self) -> dict[str, str]:
        """The answer's body."""
        return {CODE: self.code, MESSAGE: self.text}
