import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.material import ROOT
from tests.shape import gates

Gate = Callable[[ast.Module, str], Iterator[str]]
PRODUCT = ("hub", "plugins")
ALL = (*PRODUCT, "tools", "tests", "bench")


def files(*parts: str) -> list[Path]:
    return [path for part in parts for path in sorted((ROOT / part).rglob("*.py"))]


@cache
def parsed(path: Path) -> tuple[ast.Module, str]:
    text = path.read_text("utf-8")
    return ast.parse(text), text


def findings(gate: Gate, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        name = path.relative_to(ROOT)
        found += [f"{name} {finding}" for finding in gate(*parsed(path))]
    return found


def test_files_functions_and_classes_are_short() -> None:
    assert findings(gates.length, files(*ALL)) == []


def test_foreign_failures_are_caught_with_a_reason() -> None:
    assert findings(gates.wide_except, files(*ALL)) == []


def test_dataclasses_are_frozen_with_slots_and_keywords() -> None:
    assert findings(gates.loose_dataclass, files(*PRODUCT)) == []


def test_every_name_names_a_thing() -> None:
    paths = files(*PRODUCT)
    assert findings(gates.empty_name, paths) == []
    assert [path for path in paths if gates.EMPTY_NAMES.search(path.stem)] == []


def test_comments_leave_nothing_open() -> None:
    assert findings(gates.untidy_comment, files(*ALL)) == []


def test_the_hub_reads_time_in_one_place() -> None:
    paths = [path for path in files("hub") if path != ROOT / "hub" / "clock.py"]
    assert findings(gates.clock_reading, paths) == []


def test_no_bytes_make_objects() -> None:
    assert findings(gates.pickling, files(*ALL)) == []


def test_tests_wait_for_conditions_and_not_for_time() -> None:
    sleeps = [
        finding for finding in findings(gates.clock_reading, files("tests")) if "sleep" in finding
    ]
    assert sleeps == []


def test_the_product_has_no_deep_families() -> None:
    parents: dict[str, list[str]] = {}
    for path in files(*PRODUCT):
        for node in ast.walk(parsed(path)[0]):
            if isinstance(node, ast.ClassDef):
                parents[node.name] = [ast.unparse(base).split(".")[-1] for base in node.bases]

    def depth(name: str) -> int:
        return 1 + max((depth(base) for base in parents[name] if base in parents), default=0)

    # The class itself and two above it; classes of other projects are not counted.
    assert {name: depth(name) for name in parents if depth(name) > 3} == {}


@pytest.mark.parametrize(
    ("gate", "planted"),
    [
        (gates.length, "def long():\n" + "    pass\n" * 41),
        (gates.length, "\n" * 301),
        (gates.length, "class Many:\n" + "".join(f"    def f{n}(self): ...\n" for n in range(13))),
        (gates.wide_except, "try:\n    pass\nexcept:\n    pass\n"),
        (gates.wide_except, "try:\n    pass\nexcept Exception:  # noqa: BLE001\n    pass\n"),
        (gates.loose_dataclass, "@dataclass(frozen=True)\nclass Loose:\n    pass\n"),
        (gates.empty_name, "class QueueManager:\n    pass\n"),
        (gates.untidy_comment, "# TO" + "DO later\n"),
        (gates.untidy_comment, "x = 1  # type:" + " ignore[arg-type]\n"),
        (gates.clock_reading, "time.sleep(1)\n"),
        (gates.clock_reading, "datetime.now(UTC)\n"),
        (gates.pickling, "import pickle\n"),
        (gates.pickling, "from marshal import loads\n"),
    ],
)
def test_each_gate_finds_what_is_planted(gate: Gate, planted: str) -> None:
    assert list(gate(ast.parse(planted), planted)) != []
