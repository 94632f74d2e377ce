"""Make the tables of Unicode characters from the files of the Unicode Consortium.

    python -m secure_chat.data.generate UCD_DIRECTORY CONFUSABLES_FILE

`UCD_DIRECTORY` holds the Unicode Character Database (Debian: package unicode-data, /usr/share/unicode), the file is
`confusables.txt` of the same version (UTS #39; also in the sources of ICU, data/unidata). Run by hand for a new
version of Unicode; the program itself only reads the tables.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from secure_chat.data import CONFUSABLES, SCRIPTS, TEXT_CLASSES

OLDEST_UNICODE: Final = (14, 0)  # of Python 3.11: a name means the same under every interpreter that is supported
COMMON: Final = frozenset({"Zyyy"})
INHERITED: Final = frozenset({"Zinh"})
HEADER: Final = """\
# {what}
# Generated from {source} by secure_chat/data/generate.py.
# Copyright 1991-2022 Unicode, Inc.; terms in LICENSE-UNICODE.txt beside this file.
"""

Properties = dict[int, str]
Scripts = dict[int, frozenset[str]]


def fields(path: Path) -> Iterator[list[str]]:
    """The rows of a file of the database, split at semicolons, without comments."""
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        row = line.partition("#")[0].strip()
        if row:
            yield [field.strip() for field in row.split(";")]


def code_points(field: str) -> range:
    """`0041` or `0041..005A`."""
    first, _, last = field.partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def property_of(path: Path, *, wanted: Callable[[str], bool] = lambda _: True) -> Properties:
    """Code point to value, from a file of two columns."""
    return {point: row[1] for row in fields(path) if wanted(row[1]) for point in code_points(row[0])}


def script_extensions(ucd: Path) -> Scripts:
    """Code point to the short names of the scripts that use it (UAX #24)."""
    short = {row[2]: row[1] for row in fields(ucd / "PropertyValueAliases.txt") if row[0] == "sc"}
    scripts = {point: frozenset({short[name]}) for point, name in property_of(ucd / "Scripts.txt").items()}
    extensions = property_of(ucd / "ScriptExtensions.txt")
    return scripts | {point: frozenset(names.split()) for point, names in extensions.items()}


def general_categories(ucd: Path) -> Properties:
    """Code point to general category; what is not assigned is absent."""
    return property_of(ucd / "extracted" / "DerivedGeneralCategory.txt", wanted=lambda value: value != "Cn")


def ranges(values: dict[int, str]) -> Iterator[str]:
    """`0041 005A Latn` for each run of neighbours with one value."""
    first = last = -2
    for point in sorted(values):
        if point == last + 1 and values[point] == values[first]:
            last = point
            continue
        if first >= 0:
            yield f"{first:04X} {last:04X} {values[first]}"
        first = last = point
    if first >= 0:
        yield f"{first:04X} {last:04X} {values[first]}"


def script_rows(ucd: Path) -> Iterator[str]:
    """The scripts of every letter, mark and digit that Python 3.11 knows: first, last, scripts."""
    ages = property_of(ucd / "DerivedAge.txt")
    categories = general_categories(ucd)
    known = {
        point: " ".join(sorted(names))
        for point, names in script_extensions(ucd).items()
        if tuple(map(int, ages[point].split("."))) <= OLDEST_UNICODE and categories[point][0] in "LMNP"
    }
    return ranges(known)


def joining_scripts(ucd: Path, scripts: Scripts) -> set[str]:
    """Scripts in which an invisible joiner changes the shape: cursive ones, and those with a virama or a stacker."""
    cursive = {int(row[0], 16) for row in fields(ucd / "ArabicShaping.txt") if row[2] in {"R", "L", "D", "C"}}
    stacking = property_of(ucd / "IndicSyllabicCategory.txt", wanted=lambda it: it in {"Virama", "Invisible_Stacker"})
    return {name for point in cursive | stacking.keys() for name in scripts.get(point, COMMON)} - COMMON - INHERITED


def text_class_rows(ucd: Path) -> Iterator[str]:
    """What sanitising asks of a character: first, last, and the properties that `secure_chat.data.characters` names."""
    categories = general_categories(ucd)
    scripts = script_extensions(ucd)
    joining = joining_scripts(ucd, scripts)
    hidden = property_of(ucd / "DerivedCoreProperties.txt", wanted=lambda it: it == "Default_Ignorable_Code_Point")
    ideographs = property_of(ucd / "PropList.txt", wanted=lambda it: it == "Ideographic")
    breaks = property_of(ucd / "extracted" / "DerivedLineBreak.txt", wanted=lambda it: it == "SA")
    directions = property_of(ucd / "extracted" / "DerivedBidiClass.txt", wanted=lambda it: it in {"R", "AL"})
    pictures = property_of(ucd / "emoji" / "emoji-data.txt", wanted=lambda it: it == "Extended_Pictographic")
    variants = {int(row[0].split()[0], 16) for row in fields(ucd / "StandardizedVariants.txt")}
    properties: dict[int, list[str]] = {}

    def say(name: str, points: Iterable[int]) -> None:
        for point in points:
            properties.setdefault(point, []).append(name)

    say("ignorable", hidden)
    say("mark", (point for point, it in categories.items() if it in {"Mn", "Me"} and point not in hidden))
    say("pictographic", pictures)
    say("joining", (point for point, it in scripts.items() if it & joining and categories[point][0] in "LM"))
    say("right_to_left", (point for point in directions if categories.get(point, "Cn")[0] == "L"))
    say("unspaced", (point for point in breaks if categories.get(point, "Cn")[0] in "LM"))
    say("ideograph", ideographs)
    say("variant", variants - ideographs.keys())
    return ranges({point: "ignorable" if point in hidden else " ".join(it) for point, it in properties.items()})


def confusable_rows(confusables: Path) -> Iterator[str]:
    """A character and the characters that stand for all that look like it, in NFD: `006D 0072 006E`."""
    table = {
        int(row[0], 16): unicodedata.normalize("NFD", "".join(chr(int(point, 16)) for point in row[1].split()))
        for row in fields(confusables)
    }
    for source in sorted(table):
        target = table[source]
        while (further := unicodedata.normalize("NFD", target.translate(table))) != target:
            target = further  # a decomposed mark may have a look-alike of its own
        yield " ".join(f"{point:04X}" for point in (source, *map(ord, target)))


def write(path: Path, what: str, source: str, lines: Iterable[str]) -> None:
    """Write one table."""
    path.write_text(HEADER.format(what=what, source=source) + "\n".join(lines) + "\n", encoding="ascii")


def main(ucd: Path, confusables: Path, target: Path) -> None:
    """Write all tables into `target`."""
    version = next(iter(property_source(ucd / "Scripts.txt")))
    write(target / SCRIPTS, "First, last, scripts (UAX #24) of letters, marks and digits.", version, script_rows(ucd))
    write(target / TEXT_CLASSES, "First, last, class: what sanitising asks.", version, text_class_rows(ucd))
    source = "confusables.txt, " + next(
        line.lstrip("# ") for line in confusables.read_text("utf-8-sig").splitlines() if "Version" in line
    )
    what = "A character, then those that stand for all that look like it (UTS #39)."
    write(target / CONFUSABLES, what, source, confusable_rows(confusables))


def property_source(path: Path) -> Iterator[str]:
    """The name and version that a file of the database begins with."""
    yield path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(__file__).parent)
