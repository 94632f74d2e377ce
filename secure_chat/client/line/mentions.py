"""Whether a text speaks to somebody by name, and where."""

import re
from functools import lru_cache

from secure_chat.client.line.lines import Piece, Style


def is_mentioned(text: str, name: str) -> bool:
    """Whether `text` has `@name`, or begins with `name:` or `name,`."""
    return _pattern(name).search(text) is not None


def marked(text: str, name: str) -> tuple[Piece, ...]:
    """`text` in pieces, the mentions of `name` with a style of their own."""
    pieces: list[Piece] = []
    position = 0
    for match in _pattern(name).finditer(text):
        pieces += Piece(text[position : match.start()]), Piece(match[0], Style.MENTION)
        position = match.end()
    pieces.append(Piece(text[position:]))
    return tuple(piece for piece in pieces if piece.text)


@lru_cache(maxsize=8)
def _pattern(name: str) -> re.Pattern[str]:
    # @alice.b and @alice-b are other people; the dot and the comma of a sentence are none of the name.
    escaped = re.escape(name)
    return re.compile(rf"(?<![\w@])@{escaped}(?!\w|[._-]\w)|\A{escaped}(?=[:,])", re.IGNORECASE)
