"""Cases: what belongs together. A submission begins one, or goes on with one."""

from dataclasses import dataclass

from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.sandbox.records import Record, Records
from postfach_fitconnect.sandbox.refusing import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case; `submissions`: their ids, oldest first."""

    id: str
    destination: str
    submissions: tuple[str, ...]


class Cases:
    """Finds cases."""

    def __init__(self, records: Records[Record]) -> None:
        """Take what belongs to them."""
        self._records = records

    def of(self, client: str, case: str) -> Case:
        """Return a client's case. Raises Refusal: there is none, or it is another's."""
        found = [each for each in self._records.all() if each.case == case]
        if not found or found[0].client != client:
            raise Refusal(Problem.CASE_UNKNOWN, "there is no such case")
        ids = tuple(each.id for each in found)
        return Case(id=case, destination=found[0].destination, submissions=ids)

    def check(self, client: str, case: str, destination: str) -> None:
        """Check that a client may go on with a case there. Raises Refusal."""
        if self.of(client, case).destination != destination:
            raise Refusal(Problem.CASE_UNKNOWN, "caseId: of another destination")
