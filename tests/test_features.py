"""docs/features.md is true: every row has its tests, every "and not" its own, and no name on it is stale."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.architecture.source import ROOT

# The rows, by the names that tests and documents cite; S2.7 stands for two.
ROWS: Final = (
    "S0.1 S2.5 S4.3",
    "S0.2 S1.2 S2.1 S3.1",
    "S0.3",
    "S0.4 S2.2 S3.4 S4.2",
    "S0.5 S4.2",
    "S1.3",
    "S1.5 S4.3",
    "S0.6 S2.4",
    "S0.7 S3.6",
    "S0.8 S1.1",
    "S0.9",
    "S1.6 S3.5",
    "S2.3 S4.4 C5 C6",
    "S2.6 S2.7 S4.4",
    "S2.7",
    "S2.7",
    "S3.2 S3.3 C4",
    "S3.7 S4.4",
    "S4.1",
    "C1-C3",
    "C7",
    "C8-C10",
    "C11",
)
# How many things of each row must not be so.
AND_NOT: Final = {
    "S0.1 S2.5 S4.3": 1,
    "S0.2 S1.2 S2.1 S3.1": 3,
    "S0.3": 1,
    "S0.4 S2.2 S3.4 S4.2": 1,
    "S0.5 S4.2": 1,
    "S1.3": 2,
    "S1.5 S4.3": 2,
    "S0.6 S2.4": 1,
    "S0.7 S3.6": 1,
    "S1.6 S3.5": 3,
    "S2.3 S4.4 C5 C6": 2,
    "S3.2 S3.3 C4": 2,
    "S4.1": 1,
    "C7": 1,
}
# What may be marked "later". A version that brings one takes it out here.
LATER: Final = frozenset(
    {
        "the window",
        "files",
        "guests",
        "impersonation, with guests",
    }
)

TEST: Final = re.compile(r"`(tests/[\w/]+\.py::\w+)`")

# A test there without a row's name shows that a search would find what it looks for.
OF_A_ROW: Final = re.compile(r"tests/features/.*::test_[sc]\d")


@dataclass(slots=True)
class Row:
    """One row of the page; an item is the text of a bullet."""

    ids: str
    title: str
    shown_by: list[str] = field(default_factory=list)
    and_not: list[str] = field(default_factory=list)


def read_rows(page: str) -> list[Row]:
    """The rows of docs/features.md in their order."""
    rows: list[Row] = []
    items: list[str] = []
    for line in page.splitlines():
        if line.startswith("## "):
            ids, _, title = line.removeprefix("## ").partition(": ")
            rows.append(Row(ids, title))
            items = []
        elif line == "Shown by:":
            items = rows[-1].shown_by
        elif line == "And not:":
            items = rows[-1].and_not
        elif line.startswith("- "):
            items.append(line.removeprefix("- "))
        elif line.startswith("  ") and items:
            items[-1] += f" {line.strip()}"
    return rows


def existing_tests(root: Path) -> set[str]:
    """All tests of a tree: `tests/path.py::name`."""
    found: set[str] = set()
    for path in (root / "tests").rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.relative_to(root).as_posix()}::{node.name}")
    return found


def faults(rows: list[Row], existing: set[str]) -> list[str]:
    """What is wrong with the page, given the tests that exist; one sentence each."""
    found: list[str] = []
    claimed: list[str] = []
    for row in rows:
        where = f"{row.ids}: {row.title}"
        if not row.shown_by:
            found.append(f"{where}: nothing shows it")
        if len(row.and_not) != AND_NOT.get(row.ids, 0):
            found.append(f"{where}: {len(row.and_not)} things that must not be so, not {AND_NOT.get(row.ids, 0)}")
        for item in row.shown_by + row.and_not:
            names = TEST.findall(item)
            later = item.removeprefix("later: ") if item.startswith("later: ") else None
            if later is not None and later not in LATER:
                found.append(f"{where}: not among what may wait: {later}")
            if later is None and len(names) != 1:
                found.append(f"{where}: names {len(names)} tests, not one: {item}")
            found += [f"{where}: no such test: {name}" for name in names if name not in existing]
            claimed += names
    found += [f"named twice: {name}" for name in sorted(set(claimed)) if claimed.count(name) > 1]
    unnamed = set(filter(OF_A_ROW.match, existing)) - set(claimed)
    return found + [f"stands in no row of docs/features.md: {name}" for name in sorted(unnamed)]


def rows_of_the_page() -> list[Row]:
    return read_rows((ROOT / "docs" / "features.md").read_text(encoding="utf-8"))


# --- the page ------------------------------------------------------------------------------------


def test_every_row_stands_on_the_page() -> None:
    assert tuple(row.ids for row in rows_of_the_page()) == ROWS


def test_every_row_has_its_tests_and_every_and_not_its_own() -> None:
    found = faults(rows_of_the_page(), existing_tests(ROOT))
    assert not found, "\n".join(["", *found])


def test_a_test_of_a_row_bears_its_name() -> None:
    for row in rows_of_the_page():
        first, _, last = row.ids.split(" ")[0].partition("-")
        numbers = range(int(first[1:]), int(last[1:]) + 1) if last else ()
        prefixes = tuple(f"test_c{number}_" for number in numbers) or (f"test_{first.lower().replace('.', '_')}_",)
        for name in TEST.findall(" ".join(row.shown_by)):
            assert name.partition("::")[2].startswith(prefixes), name
        for name in TEST.findall(" ".join(row.and_not)):
            assert name.partition("::")[2].startswith(tuple(f"{prefix}not_" for prefix in prefixes)), name


# --- the check sees what is wrong ----------------------------------------------------------------

PAGE = """# Features

## S0.1 S2.5 S4.3: many people

They talk.

Shown by:
- `tests/features/test_a.py::test_s0_1_many`

And not:
- a thread for each, and this line
  goes on: `tests/features/test_a.py::test_s0_1_not_a_thread`

## S4.1: guests

Shown by:
- later: guests

And not:
- later: impersonation, with guests
"""
HERE = {
    "tests/features/test_a.py::test_s0_1_many",
    "tests/features/test_a.py::test_s0_1_not_a_thread",
    "tests/x.py::test_other",
}


def test_a_page_is_read_and_a_true_one_has_no_fault() -> None:
    many, guests = read_rows(PAGE)
    assert (many.ids, many.title) == ("S0.1 S2.5 S4.3", "many people")
    assert many.shown_by == ["`tests/features/test_a.py::test_s0_1_many`"]
    assert many.and_not == [
        "a thread for each, and this line goes on: `tests/features/test_a.py::test_s0_1_not_a_thread`",
    ]
    assert guests.shown_by == ["later: guests"]
    assert faults([many, guests], HERE) == []


def test_a_stale_name_an_unnamed_test_and_a_missing_and_not_are_seen() -> None:
    assert faults(read_rows(PAGE), HERE - {"tests/features/test_a.py::test_s0_1_many"}) == [
        "S0.1 S2.5 S4.3: many people: no such test: tests/features/test_a.py::test_s0_1_many"
    ]
    assert faults(read_rows(PAGE), HERE | {"tests/features/test_a.py::test_s9_new"}) == [
        "stands in no row of docs/features.md: tests/features/test_a.py::test_s9_new"
    ]
    one_less = PAGE.replace("- later: impersonation, with guests\n", "")
    assert faults(read_rows(one_less), HERE) == ["S4.1: guests: 0 things that must not be so, not 1"]


def test_a_row_without_a_test_one_test_for_two_rows_and_what_may_not_wait_are_seen() -> None:
    unshown = PAGE.replace("- later: guests\n", "")
    assert faults(read_rows(unshown), HERE) == ["S4.1: guests: nothing shows it"]
    doubled = PAGE.replace("::test_s0_1_not_a_thread", "::test_s0_1_many")
    assert "named twice: tests/features/test_a.py::test_s0_1_many" in faults(read_rows(doubled), HERE)
    waiting = PAGE.replace("- later: guests\n", "- later: all of it\n")
    assert faults(read_rows(waiting), HERE) == ["S4.1: guests: not among what may wait: all of it"]
    unnamed = PAGE.replace("`tests/features/test_a.py::test_s0_1_many`", "it is obvious")
    assert "names 0 tests, not one: it is obvious" in faults(read_rows(unnamed), HERE)[0]


def test_the_tests_of_a_tree_are_found(tmp_path: Path) -> None:
    (tmp_path / "tests" / "features").mkdir(parents=True)
    (tmp_path / "tests" / "features" / "test_a.py").write_text(
        "def test_one(): ...\ndef quiet(): ...\n", encoding="utf-8"
    )
    assert existing_tests(tmp_path) == {"tests/features/test_a.py::test_one"}
