"""Bytes of standard input cut into lines, of bounded length."""

import codecs

from secure_chat.limits import MAX_INPUT_LINE_BYTES


class InputLines:
    """Pure: bytes in, lines out. A line that is too long comes out as None."""

    def __init__(self, longest: int = MAX_INPUT_LINE_BYTES) -> None:
        """`longest`: bytes of one line."""
        self._longest = longest
        self._partial = b""
        self._is_dropping = False

    def feed(self, data: bytes) -> list[str | None]:
        """The lines that these bytes complete."""
        *complete, rest = data.split(b"\n")
        lines = [self._end_line(each) for each in complete]
        self._partial += rest
        if len(self._partial) > self._longest:
            self._partial, self._is_dropping = b"", True
        return lines

    def end(self) -> list[str | None]:
        """The last line, when no line end follows it."""
        return [self._end_line(b"")] if self._partial or self._is_dropping else []

    def _end_line(self, end: bytes) -> str | None:
        line, dropping = self._partial + end, self._is_dropping or len(self._partial) + len(end) > self._longest
        self._partial, self._is_dropping = b"", False
        return None if dropping else codecs.decode(line, "utf-8", "replace").rstrip("\r")
