"""Writes docs/reference/plugin-quality.md from the kit's rules; `make docs` calls it.

With --check it writes nothing and ends with 1 where the page is not what the rules say.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import postfach_mailbox.testkit.contract  # noqa: F401  # it fills RULES
from postfach_mailbox.testkit.rules import LEVELS, RULES, Level, Rule

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "plugin-quality.md"
HEAD = """\
# What a mailbox plugin must keep

Made from the code by `make docs`; do not edit.

`hub plugin check NAME` runs the contract's tests (`postfach_mailbox.testkit`) against an installed
mailbox and the far side that its author ships, and prints how each rule below came out:

| state | means |
| --- | --- |
| passed | it holds |
| failed | it does not; the line below it says what goes wrong in production |
| not-applicable | the mailbox does not promise what the rule is about |
| exempt | quality.toml gives a reason why it cannot hold or be tested |
| not-tested | the far side cannot play this, and no reason is given; counts as failed |

A level is reached when all its rules, and those of the levels below, passed, do not apply or are
exempt. Rules of bronze have no exemptions. `basic` rules apply to each mailbox, `optional` ones
where it promises something.

## What the distribution ships

- An entry point of its own name in the group `postfach.testkits`: a module with a context manager
  `bench(folder)` that yields a `Bench` (settings, far side, folder). `far_side` has `account`,
  `unknown_id`, `deposited`, `down()`, `up()`, `deleted(account)`, and of the protocols in
  `postfach_mailbox.testkit` those that its mailbox can play.
- `quality.toml` beside that module, as package data:

```toml
level = "silver"                # what the author claims; check ends with 65 below it

[exempt]
slow-answer = "a folder cannot be told to be slow"
```

So the check runs from the installed distribution alone, in the Python and as the user that hub.toml
names. In the distribution's own tests the same rules run by pytest: import everything of
`postfach_mailbox.testkit.contract` and give a fixture `mailbox_name` that returns the entry point.
"""


def page() -> str:
    """Return the page's text."""
    return HEAD + "".join(_level(level) for level in LEVELS)


def _level(level: Level) -> str:
    return f"\n## {level.capitalize()}\n\n" + "\n".join(_table(level)) + "\n"


def _table(level: Level) -> Iterator[str]:
    yield "| rule | tier | applies, and needs | what it protects |"
    yield "| --- | --- | --- | --- |"
    for rule in RULES.values():
        if rule.level == level:
            yield f"| `{rule.id}` | {rule.tier} | {_when(rule)} | {rule.protects} |"


def _when(rule: Rule) -> str:
    parts = [promise.text for promise in rule.promises]
    if rule.needs is not None:
        parts.append(f"far side: `{rule.needs.__name__}`")
    return "; ".join(parts) or "-"


def main() -> int:
    """Write the page, or compare it."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
