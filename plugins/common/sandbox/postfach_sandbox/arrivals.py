"""What arrived at a sandbox: kept in a folder for a person to look at, also after a restart.

    FOLDER/000001/facts.json    what is known of it: `id`, `at`, `facts`, `files`
    FOLDER/000001/NAME          each file, byte for byte as it came

`/` lists them on a page without scripts; `/arrivals/<id>/<name>` gives the bytes.
"""

import html
import json
import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from aiohttp import web

from postfach_sandbox.issuing import plain_name

FACTS: Final = "facts.json"
_SHOWN: Final = 200  # arrivals on the page, newest first
# A browser must neither run nor guess what someone sent.
_SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}"
    "article{border-top:1px solid #999;padding:.5rem 0}dl{display:grid;"
    "grid-template-columns:max-content 1fr;gap:0 1rem;margin:0}dd{margin:0;overflow-wrap:anywhere}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One that arrived.

    at: ISO 8601, by the server's clock; facts: for a person and for tests, plain JSON
    files: bytes by file name
    """

    id: str
    at: str
    facts: dict[str, Any]
    files: dict[str, int] = field(default_factory=dict)


class Incoming:
    """One that is arriving: `with arrivals.begin() as incoming`; what is not kept is removed."""

    def __init__(self, arrivals: "Arrivals", folder: Path) -> None:
        """Begin in a folder that no one sees yet."""
        self._arrivals, self._folder = arrivals, folder
        self._names: list[str] = []
        folder.mkdir(parents=True)

    def file(self, name: str) -> BinaryIO:
        """Open a new file for writing. Raises ValueError: no plain name, or it is there already."""
        if not plain_name(name) or name in (*self._names, FACTS):
            raise ValueError(f"{name!r}: a plain file name, once in an arrival")
        self._names.append(name)
        return (self._folder / name).open("xb")

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        with self.file(name) as file:
            file.write(data)

    def keep(self, facts: Mapping[str, Any], at: datetime | None = None) -> Arrival:
        """Let it have arrived. The files are to be closed before."""
        sizes = {name: (self._folder / name).stat().st_size for name in self._names}
        moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
        return self._arrivals.add(self._folder, moment, dict(facts), sizes)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was not kept."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Arrivals:
    """All that arrived, in the order in which it was kept; may be asked from any thread."""

    def __init__(self, folder: Path) -> None:
        """Read what lies in the folder, which is made when it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = threading.Lock()
        for leftover in folder.glob(".new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        self._all = [_read(path) for path in sorted(folder.glob(f"*/{FACTS}"))]

    def begin(self) -> Incoming:
        """Begin an arrival."""
        return Incoming(self, self.folder / f".new-{uuid.uuid4().hex}")

    def all(self) -> list[Arrival]:
        """Return all."""
        with self._lock:
            return list(self._all)

    def read(self, id_: str, name: str) -> bytes:
        """Return a file's bytes. Raises KeyError: there is none."""
        with self._lock:
            found = {each.id: each for each in self._all}[id_]
        if name not in found.files:
            raise KeyError(name)
        return (self.folder / id_ / name).read_bytes()

    def add(self, folder: Path, at: str, facts: dict[str, Any], sizes: dict[str, int]) -> Arrival:
        """Take over the folder of an arrival; `Incoming.keep` calls this."""
        with self._lock:
            last = int(self._all[-1].id) if self._all else 0
            arrival = Arrival(id=f"{last + 1:06d}", at=at, facts=facts, files=sizes)
            text = json.dumps(asdict(arrival), indent=1, ensure_ascii=False)
            (folder / FACTS).write_text(text, "utf-8")
            folder.rename(self.folder / arrival.id)
            self._all.append(arrival)
        return arrival

    def equip(self, app: web.Application, title: str) -> None:
        """Add the page and the files to a sandbox."""

        async def page(request: web.Request) -> web.Response:
            del request
            text = _page(title, self.all())
            return web.Response(text=text, content_type="text/html", headers=_SAFE)

        app.router.add_get("/", page)
        app.router.add_get("/arrivals/{id}/{name}", self._file)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            data = self.read(request.match_info["id"], name)
        except KeyError:
            return web.Response(status=404, text="There is no such file.", headers=_SAFE)
        kind = "text/plain" if _readable(data) else "application/octet-stream"
        charset = "utf-8" if kind == "text/plain" else None
        return web.Response(body=data, content_type=kind, charset=charset, headers=_SAFE)


def _read(path: Path) -> Arrival:
    return Arrival(**json.loads(path.read_text("utf-8")))


def _readable(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _page(title: str, arrivals: list[Arrival]) -> str:
    shown = "".join(_article(each) for each in reversed(arrivals[-_SHOWN:]))
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        f"<style>{_STYLE}</style><h1>{name}</h1>"
        f"<p>Arrived: {len(arrivals)}; shown: the newest {_SHOWN} at most.</p>{shown}"
    )


def _article(arrival: Arrival) -> str:
    facts = {name: value for name, value in arrival.facts.items() if value not in (None, "", [])}
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(_shown(value))}</dd>"
        for name, value in facts.items()
    )
    files = ", ".join(
        f'<a href="/arrivals/{arrival.id}/{html.escape(name)}">{html.escape(name)}</a> ({size} B)'
        for name, size in arrival.files.items()
    )
    head = f"{arrival.id}, {html.escape(arrival.at)}"
    return f"<article><h2>{head}</h2><dl>{rows}<dt>files</dt><dd>{files}</dd></dl></article>"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
