"""The negative tests by their numbers: what PROTOCOL.md wants now, and which tests say that they meet it."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.architecture.source import ROOT, dotted_name

MARKER: Final = "pytest.mark.negative"
_ROW: Final = re.compile(
    r"^\| (?P<number>\d+) \| (?P<now>yes|part|later)(?::[^|]*)? \| (?P<what>[^|]+) \|$", re.MULTILINE
)


def table() -> str:
    """Section 29 of PROTOCOL.md, between its comments."""
    text = (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")
    return text.partition("<!-- negative tests -->")[2].partition("<!-- end of negative tests -->")[0]


def rows(text: str) -> Iterator[tuple[int, str]]:
    """Each row's number, and whether it is met now: "yes", "part" or "later"."""
    return ((int(match["number"]), match["now"]) for match in _ROW.finditer(text))


def numbers_in(source: str) -> Iterator[int]:
    """The numbers that the markers of one test file name, wherever they stand."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and dotted_name(node.func) == MARKER:
            yield from (
                number.value
                for number in node.args
                if isinstance(number, ast.Constant) and isinstance(number.value, int)
            )


def marked(directory: Path) -> Mapping[int, list[str]]:
    """Which files of tests meet which number."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for path in sorted(directory.rglob("test_*.py")):
        for number in sorted(set(numbers_in(path.read_text(encoding="utf-8")))):
            found[number].append(path.relative_to(directory.parent).as_posix())
    return found
