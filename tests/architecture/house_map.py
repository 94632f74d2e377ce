"""The map of ARCHITECTURE.md: one line for each file, the first line of its docstring; run it to write the map anew."""

import ast
import sys
from collections.abc import Iterable
from typing import Final

from tests.architecture.source import PRODUCT, ROOT, Module, modules

MAPPED: Final = (*PRODUCT, "benchmarks")
COLUMN: Final = 24  # the same everywhere, so that a new file changes one line
BEGIN: Final = "<!-- map: begin (written by `make map`) -->"
END: Final = "<!-- map: end -->"


def first_line(module: Module) -> str:
    """What a module says it is; raises `ValueError` where it says nothing."""
    lines = (ast.get_docstring(module.tree) or "").splitlines()
    if not lines or not lines[0].strip():
        raise ValueError(f"{module.path}:1: the module has no docstring, so nothing stands for it on the map")
    return lines[0].strip()


def draw(found: Iterable[Module]) -> list[str]:
    """The lines of the map: a heading for each directory, what its package is, and its files in a fenced block."""
    directories: dict[str, dict[str, str]] = {}
    for module in found:
        directory, _, file = module.path.rpartition("/")
        directories.setdefault(directory, {})[file] = first_line(module)
    paragraphs: list[str] = []
    for directory, files in sorted(directories.items()):
        paragraphs.append(f"### {directory}/")
        if "__init__.py" in files:
            paragraphs.append(files.pop("__init__.py"))
        if files:
            lines = [f"{file:<{COLUMN}} {line}" for file, line in sorted(files.items())]
            paragraphs.append("\n".join(["```text", *lines, "```"]))
    return "\n\n".join(paragraphs).splitlines()


def read(page: str) -> list[str]:
    """The lines of the map as a page has them; raises `ValueError` where it has no such block."""
    _, begin, rest = page.partition(BEGIN)
    block, end, _ = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"ARCHITECTURE.md needs the lines {BEGIN!r} and {END!r} around the map")
    return block.strip("\n").splitlines()


def differences(page: str, drawn: list[str]) -> list[str]:
    """What must go from the page (-) and what must come (+), ready to paste."""
    stands = read(page)
    stale = [f"- {line}" for line in stands if line and line not in drawn]
    missing = [f"+ {line}" for line in drawn if line and line not in stands]
    if not stale and not missing and stands != drawn:
        return ["the lines of the map stand in another order than `make map` writes them"]
    return stale + missing


def rewrite(page: str, drawn: list[str]) -> str:
    """The page with its map replaced."""
    read(page)
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + "\n".join([BEGIN, "", *drawn, "", END]) + after


def main() -> int:
    """Write the map of ARCHITECTURE.md anew."""
    path = ROOT / "ARCHITECTURE.md"
    page = path.read_text(encoding="utf-8")
    try:
        path.write_text(rewrite(page, draw(modules(ROOT, MAPPED))), encoding="utf-8")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
