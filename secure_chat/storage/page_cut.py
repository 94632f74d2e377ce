"""Where a page of rows ends: by their number and by their bytes, with one row at least."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from secure_chat.limits import MAX_REPLY_BYTES

ROOM_FOR_ROWS: Final = MAX_REPLY_BYTES - 1024  # the rest is for the reply around them

_Row = TypeVar("_Row")


def cut(rows: Iterable[_Row], size_of: Callable[[_Row], int], most: int) -> tuple[list[_Row], bool]:
    """The rows of the page, and whether there are more. `rows` is asked for one more than the page takes."""
    page: list[_Row] = []
    size = 0
    for row in rows:
        size += size_of(row)
        if page and (len(page) == most or size > ROOM_FOR_ROWS):
            return page, True
        page.append(row)
    return page, False
