"""Takes the guards of tools/guards.d out, one at a time, and sees a test fail: `make guards`.

    take_out.py [--list] [--only ID ...] [--jobs N] [--resume FILE]

Works in copies of the checkout with a .venv of their own, in a temporary folder; the checkout is
not touched. First all named tests must pass as the code is. Then, for each guard:

    bites       a named test failed without it
    survives    all of them passed: a test is missing, or the guard is none
    broken      nothing was shown: the code did not run, or no test of its own failed
    skipped     its tests need what this machine does not have (root, ext4, ../shared)

--resume FILE notes there which guards bit, and passes over those whose entry, file and tests are
as they were then. Exit: 0 none survived, none was broken; 1 not so; 2 the tests fail as they are.
"""

import argparse
import hashlib
import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

# Run as a script, its folder is the first on the path, and not the checkout's root.
sys.path.insert(0, str(Path(__file__).parents[1]))
from tools.guards import ROOT, Guard, faults, read

PATIENCE: Final = 600  # seconds for the tests of one guard
EACH: Final = 120  # seconds for one test that sets no time of its own
SHARED: Final = Path(os.environ.get("POSTFACH_SHARED", ROOT.parent / "shared"))
# What code that does not run fails by: it says nothing of the guard.
NO_PROOF: Final = ("NameError", "ImportError", "ModuleNotFoundError", "SyntaxError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of taking a guard out: a word, and the test or the fault that shows it."""

    word: str
    shown: str
    seconds: float = 0.0


class Copy:
    """A copy of the checkout in which one guard at a time is taken out."""

    _stamps = itertools.count(1)

    def __init__(self, place: Path) -> None:
        """Make it in the empty folder `place`."""
        self._root, self._place = place / "main", place
        names = subprocess.run(
            [
                "git",
                "-C",
                str(ROOT),
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ],
            capture_output=True,
            check=True,
        ).stdout.decode()
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (self._root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self._root / name)
        self._environment()
        if SHARED.exists():
            (place / "shared").symlink_to(SHARED.resolve())

    def _environment(self) -> None:
        """Give it a .venv: links to the packages, and path entries and programs of its own."""
        made = self._root / ".venv"
        shutil.copytree(ROOT / ".venv", made, symlinks=True, copy_function=_link)
        packages = next((made / "lib").glob("python3*/site-packages"))
        old, new = str(ROOT).encode(), str(self._root).encode()
        for path in (*packages.glob("*.pth"), *(made / "bin").iterdir(), made / "pyvenv.cfg"):
            if path.is_symlink() or not path.is_file():
                continue
            if old in (data := path.read_bytes()):
                mode = path.stat().st_mode
                path.unlink()  # a link to the checkout's own file
                path.write_bytes(data.replace(old, new))
                path.chmod(mode)

    def run(self, tests: Sequence[str]) -> Verdict:
        """Run tests until one fails; `bites` where one did."""
        report, began = self._place / "report.xml", time.monotonic()
        report.unlink(missing_ok=True)
        command = [str(self._root / ".venv/bin/python"), "-m", "pytest", "-x", "-q", "-m", ""]
        command += ["-p", "no:cacheprovider", "-o", f"timeout={EACH}", f"--junitxml={report}"]
        command += [f"--basetemp={self._place / 'tmp'}", *tests]
        variables = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
        variables.pop("POSTFACH_SHARED", None)
        try:
            ended = subprocess.run(
                command,
                cwd=self._root,
                env=variables,
                capture_output=True,
                check=False,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return Verdict(word="broken", shown=f"no end within {PATIENCE} s")
        word, shown = _read(report, ended.returncode)
        return Verdict(word=word, shown=shown, seconds=time.monotonic() - began)

    def without(self, guard: Guard) -> Verdict:
        """Take a guard out, run its tests, and put it back."""
        path = self._root / guard.file
        text, before = path.read_text("utf-8"), path.stat()
        try:
            path.write_text(guard.without(text), "utf-8")
            # Bytecode is told from its source by seconds and size: no two states have one time.
            stamp = int(before.st_mtime) + next(self._stamps)
            os.utime(path, (stamp, stamp))
            if unknown := _unknown_names(path):
                return Verdict(word="broken", shown=unknown)
            return self.run(guard.tests)
        finally:
            path.write_text(text, "utf-8")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _unknown_names(path: Path) -> str:
    """Return what ruff says of names that are not there, nothing where all are."""
    command = [str(ROOT / ".venv/bin/ruff"), "check", "--quiet", "--isolated", "--no-cache"]
    command += ["--output-format=concise", "--select=E9,F821,F823", str(path)]
    said = subprocess.run(command, capture_output=True, check=False, text=True).stdout
    return said.partition("\n")[0]


def _read(report: Path, code: int) -> tuple[str, str]:
    """Return verdict and proof from pytest's report and exit status."""
    if code not in (0, 1) or not report.is_file():
        return "broken", f"pytest ended with {code}"
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314  # pytest wrote it just now
    if code == 0:
        run = [case for case in cases if case.find("skipped") is None]
        return ("survives", "no test failed") if run else ("skipped", "no test ran")
    for case in cases:
        failed = case.find("failure")
        if failed is not None:
            name = f"{case.get('classname')}::{case.get('name')}"
            said = str(failed.get("message")).partition("\n")[0]
            if said.startswith(NO_PROOF):
                return "broken", f"{name}: {said}"
            return "bites", name
    errors = [
        f"{one.get('classname')}::{one.get('name')}"
        for one in cases
        if one.find("error") is not None
    ]
    return "broken", f"no test failed by itself, but around {', '.join(errors) or 'all'}"


@contextmanager
def copies(count: int) -> Iterator[list[Copy]]:
    """Give copies of the checkout, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="postfach-guards-") as folder:
        Path(folder).chmod(0o755)  # tests run parts of it as other users
        places = [Path(folder) / str(number) for number in range(count)]
        for place in places:
            place.mkdir()
        yield [Copy(place) for place in places]


def share(made: Sequence[Copy], guards: Sequence[Guard]) -> Iterator[tuple[Guard, Verdict]]:
    """Give each guard's verdict as it comes; each copy works in a thread."""
    waiting: queue.SimpleQueue[Guard] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Guard, Verdict]] = queue.SimpleQueue()
    for guard in guards:
        waiting.put(guard)

    def work(copy: Copy) -> None:
        while True:
            try:
                guard = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                verdict = copy.without(guard)
            except (OSError, ValueError) as error:
                verdict = Verdict(word="broken", shown=str(error))
            done.put((guard, verdict))

    for copy in made:
        threading.Thread(target=work, args=(copy,), daemon=True).start()
    for _ in guards:
        yield done.get()


def _digest(guard: Guard) -> str:
    """Return what a noted verdict rests on: the entry, the file, the tests' files."""
    digest = hashlib.sha256(repr(astuple(guard)).encode())
    for name in sorted({guard.file, *(test.partition("::")[0] for test in guard.tests)}):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _noted(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    found = json.loads(path.read_text("utf-8"))
    return {str(key): str(value) for key, value in found.items()}


def take_out(guards: Sequence[Guard], jobs: int, resume: Path | None) -> int:
    """Take guards out; print each verdict and the sum; return the exit status."""
    noted = _noted(resume)
    left = [one for one in guards if noted.get(one.id) != _digest(one)]
    if len(left) < len(guards):
        print(f"{len(guards) - len(left)} bit before, and nothing of them changed since")
    if not left:
        return 0
    with copies(min(jobs, len(left))) as made:
        tests = sorted({test for one in left for test in one.tests})
        whole = made[0].run(tests)
        if whole.word not in ("survives", "skipped"):
            print(f"as the code is, {whole.shown} fails: nothing was taken out")
            return 2
        print(f"{len(tests)} tests pass as the code is ({whole.seconds:.0f} s)")
        words: dict[str, str] = {}
        for number, (guard, verdict) in enumerate(share(made, left), start=1):
            words[guard.id] = verdict.word
            said = f"{number:3}/{len(left)} {verdict.word:8} {guard.id:28} {verdict.seconds:5.1f} s"
            print(f"{said}  {verdict.shown}", flush=True)
            if verdict.word == "bites" and resume is not None:
                noted[guard.id] = _digest(guard)
                resume.write_text(json.dumps(noted, indent=1, sort_keys=True), "utf-8")
    other = [f"{word}: {name}" for name, word in sorted(words.items()) if word != "bites"]
    print(f"{len(words) - len(other)} of {len(words)} guards bite", *other, sep="\n")
    return int(not set(words.values()) <= {"bites", "skipped"})


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="print the guards and end")
    parser.add_argument("--only", nargs="+", metavar="ID", help="these guards")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="where to note what bit")
    given = parser.parse_args(arguments)
    guards = [one for one in read() if given.only is None or one.id in given.only]
    if unknown := set(given.only or ()) - {one.id for one in guards}:
        parser.error(f"no such guard: {', '.join(sorted(unknown))}")
    if given.list:
        print(*(f"{one.id:28} {one.file}" for one in guards), sep="\n")
        return 0
    if wrong := [fault for one in guards for fault in faults(one)]:
        print(*wrong, sep="\n")
        return 1
    return take_out(guards, given.jobs, given.resume)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
