"""Which of the names that are known was probably meant by one that is not there."""

import difflib
from collections.abc import Iterable
from typing import Final

_LIKENESS: Final = 0.6  # of a mistyped name to the one that is meant; 1 is the same


def closest(name: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant; None: none resembles it."""
    return next(iter(difflib.get_close_matches(name, sorted(set(known) - {name}), 1, _LIKENESS)), None)
