"""The gates of the house style: what can be read off the syntax tree of one file.

Each gate yields findings that name the object, its value and the limit.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

FILE_LINES = 300
FUNCTION_LINES = 40
METHODS = 12

Function = ast.FunctionDef | ast.AsyncFunctionDef
# Words that name no thing, so that everything ends up there.
EMPTY_NAMES = re.compile(
    r"(?:^|_)(?:utils?|helpers?|managers?|misc|impl|base)$|(?:Manager|Helper|Impl|Base)$"
)
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "clock_gettime", "now", "utcnow", "today"}


def length(tree: ast.Module, text: str) -> Iterator[str]:
    """Yield what is longer than a person reads at once."""
    if (lines := text.count("\n")) > FILE_LINES:
        yield f"{lines} lines > {FILE_LINES}"
    for node in ast.walk(tree):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.name}: {lines} lines > {FUNCTION_LINES}"
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(part, Function) for part in node.body)
            if methods > METHODS:
                yield f"class {node.name}: {methods} methods > {METHODS}"


def wide_except(tree: ast.Module, text: str) -> Iterator[str]:
    """Yield each `except` without a type, and each for Exception that gives no reason beside it.

    One that cleans up and raises the same exception again catches nothing: it needs no reason.
    """
    lines = text.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield f"line {node.lineno}: bare except"
            continue
        passes_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        if ast.unparse(node.type) in {"Exception", "BaseException"} and not passes_on:
            # the line before, the line itself, and up to what stands first in the handler
            comments = re.findall(
                r"#(.*)", "\n".join(lines[max(node.lineno - 2, 0) : node.body[0].lineno])
            )
            reason = re.sub(r"noqa: [A-Z0-9, ]+", "", " ".join(comments))
            if not re.search(r"\w{3}", reason):
                yield f"line {node.lineno}: except {ast.unparse(node.type)} without a reason"


def loose_dataclass(tree: ast.Module, text: str) -> Iterator[str]:
    """Yield each dataclass that is not frozen, slots, kw_only and gives no reason on its line."""
    lines = text.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            written = ast.unparse(decorator)
            if not re.match(r"(dataclasses\.)?dataclass\b", written):
                continue
            has_fields = any(isinstance(part, ast.AnnAssign) for part in node.body)
            wanted = ("frozen=True", "slots=True", *(["kw_only=True"] if has_fields else []))
            absent = [word for word in wanted if word not in written]
            if absent and "#" not in lines[decorator.lineno - 1]:
                yield f"dataclass {node.name}: without {', '.join(absent)}"


def empty_name(tree: ast.Module, text: str) -> Iterator[str]:
    """Yield each class whose name names no thing."""
    del text
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and EMPTY_NAMES.search(node.name):
            yield f"line {node.lineno}: {node.name} names no thing"


def untidy_comment(tree: ast.Module, text: str) -> Iterator[str]:
    """Yield each mark of unfinished work, and each `type: ignore` without a reason.

    The reason stands behind it on the same line, or as a comment on the line above.
    """
    del tree
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", token.string):
            yield f"line {line}: unfinished: {token.string}"
        above = lines[line - 2].strip() if line > 1 else ""
        bare = re.search(r"type: ignore(\[[\w, -]+\])?\s*$", token.string)
        if bare and not above.startswith("#"):
            yield f"line {line}: type: ignore without a reason"


def clock_reading(tree: ast.Module, text: str) -> Iterator[str]:
    """Yield each place that reads a clock, which is hub/clock.py's work, or sleeps."""
    del text
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = ast.unparse(node.func.value)
        reads = node.func.attr in CLOCKS and owner in {
            "time",
            "datetime",
            "datetime.datetime",
            "date",
        }
        if reads or (owner, node.func.attr) == ("time", "sleep"):
            yield f"line {node.lineno}: {owner}.{node.func.attr}()"


def pickling(tree: ast.Module, text: str) -> Iterator[str]:
    """Yield each import of pickle and its like: bytes from elsewhere must not make objects."""
    del text
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (
            f"line {node.lineno}: {name}"
            for name in names
            if isinstance(node, ast.Import | ast.ImportFrom)
            and name.split(".")[0] in {"pickle", "marshal", "shelve", "dill"}
        )
