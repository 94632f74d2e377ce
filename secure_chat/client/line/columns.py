"""Rows of words below each other."""

from collections.abc import Iterator, Sequence

from secure_chat.client.line.lines import Line, detail
from secure_chat.sanitize import cells, one_line

_GAP = "   "


def columns(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    """A line for each row, its words as far to the right as the longest above and below them; the last may be long."""
    safe = [[one_line(word) for word in row] for row in rows]
    count = max(map(len, safe), default=0)
    widths = [max(cells(row[index]) for row in safe if index < len(row)) for index in range(count)]
    for row in safe:
        padded = [word + " " * (width - cells(word)) for word, width in zip(row, widths, strict=False)]
        yield detail(_GAP.join(padded).rstrip())
