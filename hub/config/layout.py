"""On which line of a TOML text each key stands, for messages; `tomllib` does not tell.

The text was read by `tomllib` before, so it is valid TOML and only its layout is followed here:
headers, dotted and quoted keys, strings of four kinds, arrays and inline tables over many lines.
Source: TOML 1.0.0.
"""

import re
import tomllib
from bisect import bisect_right

Place = tuple[str, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]*")


def lines(text: str) -> dict[Place, int]:
    """Return the line, from 1, at which each table and key is first written.

    text: valid TOML. Raises RecursionError for arrays nested as deep as the interpreter's stack.
    """
    return _Layout(text).read()


class _Layout:
    """One reading of one text: `at` is the offset reached."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.found: dict[Place, int] = {}

    def read(self) -> dict[Place, int]:
        table: Place = ()
        while self._blank() < len(self.text):
            if self.text[self.at] == "[":
                start = self.at
                self.at += 2 if self.text.startswith("[[", start) else 1
                table = self._key()
                self._note(table, start)
                self._blank()
                self.at += 2 if self.text.startswith("]]", self.at) else 1
            else:
                self._pair(table)
        return self.found

    def _pair(self, table: Place) -> None:
        start = self.at
        place = table + self._key()
        self._note(place, start)
        self._blank()
        self.at += 1  # the equals sign
        self._value(place)

    def _key(self) -> Place:
        parts = []
        while True:
            self._blank()
            parts.append(self._part())
            if not self.text.startswith(".", self._blank()):
                return tuple(parts)
            self.at += 1

    def _part(self) -> str:
        match = _BARE.match(self.text, self.at) or _STRING.match(self.text, self.at)
        if match is None:
            raise ValueError(f"no key at offset {self.at}; the text is not valid TOML")
        self.at = match.end()
        if match.re is _BARE:
            return match[0]
        return str(tomllib.loads(f"key = {match[0]}")["key"])

    def _value(self, place: Place) -> None:
        self._blank()
        opening = self.text[self.at : self.at + 1]
        if opening in ("[", "{"):
            self.at += 1
            closing = "]" if opening == "[" else "}"
            while not self.text.startswith(closing, self._blank()):
                if self.at >= len(self.text):
                    raise ValueError(f"{opening} is never closed; the text is not valid TOML")
                if opening == "[":
                    self._value(place)
                else:
                    self._pair(place)
                if self.text.startswith(",", self._blank()):
                    self.at += 1
            self.at += 1
            return
        match = _STRING.match(self.text, self.at) or _PLAIN_VALUE.match(self.text, self.at)
        self.at = match.end() if match else len(self.text)

    def _blank(self) -> int:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def _note(self, place: Place, offset: int) -> None:
        line = bisect_right(self.ends, offset - 1) + 1
        for length in range(1, len(place) + 1):
            self.found.setdefault(place[:length], line)
