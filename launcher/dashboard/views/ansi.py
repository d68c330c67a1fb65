"""What a terminal would show of a line of a log: pieces of text, each with the classes that style it.

Classes are `fg-0` to `fg-15` and `bg-0` to `bg-15` (the 16 colours of a terminal; others become the nearest of them),
`bold`, `dim`, `italic`, `underline`, `inverse` and `strike`. Carriage returns and backspaces write over what was there,
as progress bars want it. Every other control sequence is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby

Span = tuple[str, str]
"""Classes, separated by spaces, and text."""

PLAIN = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*")
TOKEN = re.compile(
    r"\x1b\[(?P<numbers>[0-9;:]*)(?P<final>[mK])"  # colours; erase in line
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]?"  # other escapes
    r"|(?P<move>[\r\b])"
    r"|(?P<text>[^\x00-\x08\x0b-\x1f\x7f-\x9f]+)"
    r"|.",
    re.DOTALL,
)
SWITCHES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike", 21: "underline"}
OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("strike",)}
COLOURS = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip
"""Red, green and blue of the 16, as xterm has them."""
EXTENDED = (38, 48)
CUBE = (0, 95, 135, 175, 215, 255)


@dataclass(frozen=True, slots=True)
class _Style:
    foreground: int | None = None
    background: int | None = None
    switches: frozenset[str] = frozenset()

    @property
    def classes(self) -> str:
        colours = (("fg", self.foreground), ("bg", self.background))
        return " ".join([f"{kind}-{n}" for kind, n in colours if n is not None] + sorted(self.switches))


@dataclass(slots=True)
class Terminal:
    """Reads line after line; a colour lasts until it is taken back, also over the end of a line."""

    _style: _Style = field(default_factory=_Style)

    def line(self, text: str) -> list[Span]:
        """The pieces of one line, which comes without its end."""
        text = text.removesuffix("\r")
        if PLAIN.fullmatch(text):
            return [(self._style.classes, text)] if text else []
        cells = _Cells()
        for token in TOKEN.finditer(text):
            if token["text"] is not None:
                cells.write(token["text"], self._style.classes)
            elif token["move"] is not None:
                cells.column = 0 if token["move"] == "\r" else max(0, cells.column - 1)
            elif token["final"] == "m":
                self._style = _styled(self._style, token["numbers"])
            elif token["final"] == "K":
                cells.erase(token["numbers"])
        return list(cells.spans())


@dataclass(slots=True)
class _Cells:
    """One line of a terminal, on which one can write again."""

    column: int = 0
    _blank: int = 0  # cells that were erased from the left on, and not written since
    _characters: list[str] = field(default_factory=list)
    _classes: list[str] = field(default_factory=list)

    def write(self, text: str, classes: str) -> None:
        end = self.column + len(text)
        self._blank = min(self._blank, self.column)
        self._characters[self.column : end] = text
        self._classes[self.column : end] = [classes] * len(text)
        self.column = end

    def erase(self, which: str) -> None:
        """Erase from the column to the end, or (1) up to it, or (2) all."""
        if which in ("", "0", "2"):
            del self._characters[self.column :], self._classes[self.column :]
        if which in ("1", "2"):
            width = max(0, self.column - self._blank)  # no cell twice: a line may hold many thousand of these
            self._characters[self._blank : self.column] = " " * width
            self._classes[self._blank : self.column] = [""] * width
            self._blank = max(self._blank, self.column)

    def spans(self) -> Iterator[Span]:
        place = 0
        for classes, group in groupby(self._classes):
            length = sum(1 for _ in group)
            yield classes, "".join(self._characters[place : place + length])
            place += length


@lru_cache(maxsize=1024)
def _styled(style: _Style, numbers: str) -> _Style:
    """What a colour sequence makes of a style; parts that mean nothing are passed over."""
    codes = _codes(numbers)
    for code in codes:
        if code == 0:
            style = _Style()
        elif code in SWITCHES:
            style = replace(style, switches=style.switches | {SWITCHES[code]})
        elif code in OFF:
            style = replace(style, switches=style.switches.difference(OFF[code]))
        elif code // 10 in (3, 9):
            style = replace(style, foreground=_colour(code, codes))
        elif code // 10 in (4, 10):
            style = replace(style, background=_colour(code, codes))
    return style


def _codes(numbers: str) -> Iterator[int]:
    """The numbers of a sequence. Only a colour has parts behind colons, and may name a colour space before its red."""
    for group in numbers[:256].split(";"):
        parts = [int(part) if part else 0 for part in group.split(":")]
        if parts[0] not in EXTENDED:
            del parts[1:]
        elif len(parts) > 5:
            del parts[2]
        yield from parts


def _colour(code: int, codes: Iterator[int]) -> int | None:
    """The colour of a code, with what follows it where it takes that; None for the terminal's own."""
    if code not in EXTENDED:
        return code % 10 + (8 if code >= 90 else 0) if code % 10 < 8 else None
    kind = next(codes, None)
    if kind == 5:
        return _of_256(next(codes, 0))
    return _nearest(*[next(codes, 0) for _ in range(3)]) if kind == 2 else None


def _of_256(number: int) -> int:
    if number < 16:
        return number
    if number < 232:
        cube = number - 16
        return _nearest(CUBE[cube // 36], CUBE[cube // 6 % 6], CUBE[cube % 6])
    return _nearest(*[8 + 10 * (min(number, 255) - 232)] * 3)


def _nearest(red: int, green: int, blue: int) -> int:
    """The nearest of the 16, weighed as the eye does."""
    return min(
        range(16),
        key=lambda n: sum(
            weight * (one - other) ** 2
            for weight, one, other in zip((2, 4, 3), (red, green, blue), COLOURS[n], strict=True)
        ),
    )
