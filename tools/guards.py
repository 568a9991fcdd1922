"""The hub's guards: what each protects, how it is taken out, and the test that fails then.

A guard is a line without which a promise breaks and most tests still pass: a barrier, the order of
two steps, a fence, a limit, a comparison of digests. They stand in tools/guards.d; take_out.py
takes each out in turn. Writes docs/reference/guards.md; `make docs` calls it.

With --check it writes nothing and ends with 1 where the page is not what the list says.
"""

import ast
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DATA: Final = Path(__file__).parent / "guards.d"
PAGE: Final = ROOT / "docs" / "reference" / "guards.md"
HEAD: Final = """\
# The guards, and the tests that fail without them

Made from `tools/guards.d` by `make docs`; do not edit.

A guard is a line without which a promise of [the architecture](../explanation/architecture.md)
breaks: a barrier, the order of two steps, a fence, a constraint, a limit, a comparison of digests,
a deadline. `make guards` (a part of `make test-long`) takes each one out in a copy of the checkout
and runs the test that stands in its row: it must fail, by a failed assertion and not by code that
does not run. None may survive. One alone:

    .venv/bin/python tools/take_out.py --only ID

The guards are {count}.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A guard: where it stands, and what takes it out.

    out: how it is taken out, in words; old, new: in text, `old` stands in `file` once
    tests: what pytest runs; one of them must fail without the guard
    """

    id: str
    area: str
    file: str
    protects: str
    out: str
    old: str
    new: str
    tests: tuple[str, ...]

    def without(self, text: str) -> str:
        """Return the file's text without the guard. Raises ValueError where it is not there."""
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.id}: `old` stands {count} times in {self.file}")
        return text.replace(self.old, self.new)


def read(folder: Path = DATA) -> tuple[Guard, ...]:
    """Return all guards, by file of the list. Raises ValueError for an entry that is none."""
    found = []
    names = {field.name for field in fields(Guard)} - {"area"}
    for path in sorted(folder.glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        for entry in table["guard"]:
            if set(entry) != names:
                raise ValueError(f"{path.name}: {entry.get('id')}: {sorted(set(entry) ^ names)}")
            tests = tuple(entry.pop("tests"))
            found.append(Guard(area=table["area"], tests=tests, **entry))
    twice = [name for name, count in Counter(one.id for one in found).items() if count > 1]
    if twice:
        raise ValueError(f"guards of one id: {', '.join(twice)}")
    return tuple(found)


def faults(guard: Guard, root: Path = ROOT) -> Iterator[str]:
    """Yield what of an entry does not fit the checkout."""
    try:
        changed = guard.without((root / guard.file).read_text("utf-8"))
        ast.parse(changed)
    except (OSError, ValueError, SyntaxError) as error:
        yield f"{guard.id}: {error}"
    if guard.old == guard.new or not guard.tests:
        yield f"{guard.id}: takes nothing out, or names no test"
    for test in guard.tests:
        name, _, function = test.partition("::")
        if not (root / name).is_file() or function.partition("[")[0] not in _tests(root / name):
            yield f"{guard.id}: there is no test {test}"


@cache
def _tests(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def page() -> str:
    """Return the page's text."""
    guards = read()
    areas = dict.fromkeys(one.area for one in guards)
    parts = [HEAD.format(count=len(guards))]
    for area in areas:
        lines = [_row(one) for one in guards if one.area == area]
        head = ["| guard | file | what it protects | taken out | the test that fails |"]
        parts.append("\n".join([f"## {area}\n", *head, "| --- | --- | --- | --- | --- |", *lines]))
    return "\n".join(parts) + "\n"


def _row(guard: Guard) -> str:
    tests = "<br>".join(f"`{test}`" for test in guard.tests)
    cells = (f"`{guard.id}`", f"`{guard.file}`", guard.protects, guard.out, tests)
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Write the page, or compare it."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
