"""A small terminal for tests: what a person sees after these bytes, and what has scrolled away."""

import re
from typing import Final

_SEQUENCE: Final = re.compile(r"\x1b\[(?P<private>\??)(?P<numbers>[0-9;]*)(?P<final>[@-~])")
_BEGUN: Final = re.compile(r"\x1b(?:\[[0-9;?]*)?\Z")  # a sequence whose end has not come yet
# Modes that change nothing that this model shows: cursor's look, wrapping, pasting in brackets, cursor keys.
_MODES: Final = frozenset({"25", "12", "7", "2004", "1"})


class ScreenModel:
    """Rows of letters one column wide. Anything that it does not know is an error: nobody else may write it."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self.rows, self.columns = rows, columns
        self.scrolled: list[str] = []
        self.bells = 0
        self.attributes: set[str] = set()
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._begun = ""

    @property
    def shown(self) -> list[str]:
        """The rows on the screen, without blanks at their ends."""
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def everything(self) -> list[str]:
        """What has scrolled away and what is shown, down to the last row that is not empty."""
        rows = self.scrolled + self.shown
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def cursor_row(self) -> str:
        """The row of the cursor."""
        return self.shown[self._row]

    @property
    def cursor_column(self) -> int:
        """The column of the cursor."""
        return self._column

    def feed(self, text: str) -> None:
        """Take what a program wrote. Raises `AssertionError` for a control that no line client writes."""
        text = self._begun + text
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun else ""
        text = text.removesuffix(self._begun)
        position = 0
        while position < len(text):
            match = _SEQUENCE.match(text, position)
            if match is not None:
                self._sequence(match)
                position = match.end()
            else:
                self._letter(text[position])
                position += 1

    def _letter(self, letter: str) -> None:
        if letter == "\r":
            self._column = 0
        elif letter == "\n":
            self._down()
        elif letter == "\b":
            self._column = max(0, self._column - 1)
        elif letter == "\a":
            self.bells += 1
        else:
            assert letter.isprintable(), repr(letter)
            if self._column == self.columns:
                self._column = 0
                self._down()
            self._cells[self._row][self._column] = letter
            self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == self.rows:
            self._row -= 1
            self.scrolled.append("".join(self._cells.pop(0)).rstrip())
            self._cells.append([" "] * self.columns)

    def _sequence(self, match: re.Match[str]) -> None:
        numbers, final = match["numbers"], match["final"]
        if match["private"]:
            assert final in "hl", match[0]
            assert set(numbers.split(";")) <= _MODES, match[0]
            return
        count = int(numbers or 1) if final in "ABCD" else 0
        match final:
            case "A":
                self._row = max(0, self._row - count)
            case "B":
                self._row = min(self.rows - 1, self._row + count)
            case "C":
                self._column = min(self.columns - 1, self._column + count)
            case "D":
                self._column = max(0, self._column - count)
            case "K":
                assert numbers in ("", "0"), match[0]
                self._erase(self._row, self._column)
            case "J":
                assert numbers in ("", "0"), match[0]
                self._erase(self._row, self._column)
                for row in range(self._row + 1, self.rows):
                    self._erase(row, 0)
            case "m":
                self.attributes.add(numbers)
            case _:
                raise AssertionError(f"nobody writes this: {match[0]!r}")

    def _erase(self, row: int, start: int) -> None:
        self._cells[row][start:] = [" "] * (self.columns - start)
