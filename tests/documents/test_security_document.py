"""SECURITY.md names a test for each claim, and every test that it names exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (?P<claim>[^|]+) \| `(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)` \|$", re.MULTILINE)


def claims() -> str:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    return text.partition("<!-- claims -->")[2].partition("<!-- end of claims -->")[0]


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_claim_names_a_test_that_exists() -> None:
    rows = list(_ROW.finditer(claims()))
    assert len(rows) >= 20
    missing = [row["claim"] for row in rows if row["name"] not in functions_of(ROOT / row["path"])]
    assert missing == []


def test_no_line_of_the_table_escapes_the_check() -> None:
    lines = [line for line in claims().splitlines() if line.startswith("|")]
    assert len(lines) - 2 == len(list(_ROW.finditer(claims())))
