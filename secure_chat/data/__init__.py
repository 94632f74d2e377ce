"""Tables of Unicode characters, generated and checked in, and how they are read."""

from collections.abc import Iterator
from typing import Final

CONFUSABLES: Final = "confusables.txt"
SCRIPTS: Final = "scripts.txt"
TEXT_CLASSES: Final = "text_classes.txt"


def rows(table: str) -> Iterator[list[str]]:
    """The rows of a table, split at spaces, without its comments. Reads the whole file: keep what you make of it."""
    from importlib.resources import files  # here, because its import costs more than most starts of a program need

    for line in files(__package__).joinpath(table).read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            yield line.split()
