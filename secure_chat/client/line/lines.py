"""What a screen draws: lines of styled pieces, made safe and cut into rows in the one place where they become text.

A remote text cannot look like a line of its own: what follows its line breaks stands behind a bar, what does not fit
into a row goes on indented, and nothing but `Painter` turns a line into text for a screen.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from secure_chat.sanitize import cells, sanitize

INDENT: Final = 6  # columns: as wide as a time and a space, so that texts stand below each other
_BAR: Final = "    | "  # before what follows a line break inside a text; as wide as the indent
_NARROWEST: Final = 24  # columns; a narrower terminal wraps by itself
_WORD: Final = re.compile(r"\n|[^\S\n]+|\S+")


class Style(Enum):
    """What a piece is; a screen without colour draws all alike."""

    PLAIN = auto()
    ROOM = auto()
    DIRECT = auto()
    NAME = auto()
    OWN_NAME = auto()
    MENTION = auto()
    WARNING = auto()


class Piece(NamedTuple):
    """Some text of one style."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to be drawn: one row, or several when it is long or has line breaks."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """All of it, as it came."""
        return "".join(piece.text for piece in self.pieces)


def line(*parts: str | Piece) -> Line:
    """A line of pieces; a bare text is a plain one."""
    return Line(tuple(part if isinstance(part, Piece) else Piece(part) for part in parts))


def notice(*parts: str | Piece) -> Line:
    """Something the program says."""
    return line("* ", *parts)


def warning(*parts: str | Piece) -> Line:
    """Something the person should not miss."""
    return line(Piece("! ", Style.WARNING), *parts)


def detail(*parts: str | Piece) -> Line:
    """A row of a list, below the notice that it belongs to."""
    return line("  ", *parts)


# ANSI attributes that are readable on a light and on a dark screen.
_ATTRIBUTES: Final = {
    Style.ROOM: "\x1b[36m",
    Style.DIRECT: "\x1b[35m",
    Style.NAME: "\x1b[1m",
    Style.OWN_NAME: "\x1b[2m",
    Style.MENTION: "\x1b[1;7m",
    Style.WARNING: "\x1b[1;31m",
}
_PLAIN: Final = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Painter:
    """Turns lines into the text that a screen writes."""

    color: bool = False
    line_end: str = "\n"

    def paint(self, lines: Iterable[Line], width: int | None = None) -> str:
        """The text of the lines. `width`: columns of the terminal; None: a line is as long as it is."""
        return "".join("".join(map(self._painted, row)) + self.line_end for each in lines for row in rows(each, width))

    def _painted(self, piece: Piece) -> str:
        attribute = _ATTRIBUTES.get(piece.style) if self.color else None
        return f"{attribute}{piece.text}{_PLAIN}" if attribute else piece.text


def rows(drawn: Line, width: int | None = None) -> list[list[Piece]]:
    """The rows of a line, made safe to draw, each at most `width` - 1 columns wide.

    A word of printable ASCII that is longer than a row stays whole, so that an address can be copied: the terminal
    breaks it, and without a space it cannot look like a line.
    """
    safe = [Piece(sanitize(piece.text), piece.style) for piece in drawn.pieces]
    if width is not None and width >= _NARROWEST:
        return _Wrapping(width - 1).rows(safe)
    return _split_at_breaks(safe)


def _split_at_breaks(pieces: Iterable[Piece]) -> list[list[Piece]]:
    result: list[list[Piece]] = [[]]
    for piece in pieces:
        first, *following = piece.text.split("\n")
        result[-1].append(Piece(first, piece.style))
        result += ([Piece(_BAR), Piece(each, piece.style)] for each in following)
    return result


class _Wrapping:
    """One line on its way into rows."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: list[list[Piece]] = [[]]
        self._column = 0

    def rows(self, pieces: Iterable[Piece]) -> list[list[Piece]]:
        for word, style in _words(pieces):
            if word == "\n":
                self._break(_BAR)
            elif self._column + (width := cells(word)) <= self._limit:
                self._put(word, style, width)
            elif word.isspace():
                self._break()
            elif INDENT + width <= self._limit:
                self._break()
                self._put(word, style, width)
            else:
                self._put_long(word, style, width)
        return self._rows

    def _break(self, start: str = " " * INDENT) -> None:
        self._rows.append([Piece(start)])
        self._column = INDENT

    def _put(self, text: str, style: Style, width: int) -> None:
        row = self._rows[-1]
        if row and row[-1].style is style:
            row[-1] = Piece(row[-1].text + text, style)
        else:
            row.append(Piece(text, style))
        self._column += width

    def _put_long(self, word: str, style: Style, width: int) -> None:
        if word.isascii():
            if self._column > INDENT:
                self._break()
            self._put(word, style, width)  # the next word breaks the row
            return
        from wcwidth import iter_graphemes  # here, because most starts need not pay for it

        for grapheme in iter_graphemes(word):
            width = cells(grapheme)
            if self._column + width > self._limit:
                self._break()
            self._put(grapheme, style, width)


def _words(pieces: Iterable[Piece]) -> Iterator[tuple[str, Style]]:
    for piece in pieces:
        for match in _WORD.finditer(piece.text):
            yield match[0], piece.style
