"""What keeps the core readable in an evening: its size, the length of its functions, and tests that reach all of it."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.source import ROOT

CORE: Final = ("secure_chat/e2ee", "secure_chat/directory")
OWN_TESTS: Final = ("tests/e2ee", "tests/directory")
MAX_LINES: Final = 2200  # of both packages together
MAX_FUNCTION_LINES: Final = 60


def sources() -> Iterator[Path]:
    """Every module of the core."""
    for package in CORE:
        yield from (ROOT / package).rglob("*.py")


def test_the_core_is_short() -> None:
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources()) <= MAX_LINES


def test_no_function_of_the_core_is_long() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or node.lineno) - node.lineno < MAX_FUNCTION_LINES, f"{path}: {node.name}"


@pytest.mark.long
def test_the_cores_own_tests_reach_every_line_and_branch_of_it(tmp_path: Path) -> None:
    """Theirs alone: what a test elsewhere happens to reach is not tested."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    environment = {**kept, "COVERAGE_FILE": str(tmp_path / "coverage")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "coverage", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    tested = run("run", "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *OWN_TESTS)
    assert tested.returncode == 0, tested.stdout
    combined = run("combine", "--quiet")
    assert combined.returncode == 0, combined.stdout + combined.stderr
    report = run("report", "--fail-under=100", f"--include={','.join(f'{package}/*' for package in CORE)}")
    assert report.returncode == 0, report.stdout
