"""PROTOCOL.md 29 lists by number what must not work; each number that this version meets has a test that bears it."""

from pathlib import Path
from typing import Final

from tests.architecture.source import ROOT
from tests.documents.negative_tests import marked, numbers_in, rows, table

LAST: Final = 76


def test_the_table_has_each_number_once_and_no_line_that_is_not_read() -> None:
    found = list(rows(table()))
    assert [number for number, _ in found] == list(range(1, LAST + 1))
    assert len([line for line in table().splitlines() if line.startswith("|")]) - 2 == len(found)


def test_every_number_that_this_version_must_meet_is_met_by_a_test() -> None:
    wanted = {number for number, now in rows(table()) if now != "later"}
    assert sorted(wanted - marked(ROOT / "tests").keys()) == []


def test_no_test_bears_a_number_that_is_not_in_the_table() -> None:
    assert marked(ROOT / "tests").keys() <= {number for number, _ in rows(table())}


def test_markers_are_found_wherever_they_stand(tmp_path: Path) -> None:
    source = (
        "import pytest\npytestmark = [pytest.mark.negative(3)]\n@pytest.mark.negative(14, 15)\ndef test_it(): ...\n"
    )
    assert sorted(numbers_in(source)) == [3, 14, 15]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text(source)
    assert marked(tmp_path / "tests") == {number: ["tests/test_one.py"] for number in (3, 14, 15)}
