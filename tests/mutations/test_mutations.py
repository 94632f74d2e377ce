"""A check that is taken away is missed: for each of these the test of PROTOCOL.md 29 that guards it fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.source import ROOT
from tests.mutations.checks_taken_away import MUTATIONS, Mutation

PATIENCE_SECONDS: Final = 120.0
FAILED: Final = 1  # pytest's own exit code: tests ran, and some failed
WANTED: Final = 12
EVERY: Final = 9  # of them is taken away in CI, all by `make test-long`: each is a run of its own
BEING_COMPILED: Final = shutil.ignore_patterns("*.pyc.*")  # gone in a moment, when it has its own name
TREES: Final = ("secure_chat", "tests", "tools")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, to be spoiled."""
    place = tmp_path_factory.mktemp("copy")
    for tree in TREES:
        shutil.copytree(ROOT / tree, place / tree, ignore=BEING_COMPILED)  # compiled but for what is spoiled
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


def run(copy: Path, test: str) -> subprocess.CompletedProcess[str]:
    """One test in the copy, which comes before the project on every path."""
    quiet = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE"))}
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", *quiet, test],
        cwd=copy,
        env=kept,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


RUNS: Final = [
    pytest.param(mutation, id=mutation.title, marks=() if place % EVERY == 0 else pytest.mark.long)
    for place, mutation in enumerate(MUTATIONS)
]


@pytest.mark.parametrize("mutation", RUNS)
def test_a_check_that_is_taken_away_is_missed(copy: Path, mutation: Mutation) -> None:
    source = copy / mutation.path
    whole = source.read_text(encoding="utf-8")
    assert whole.count(mutation.before) > 0, "the source has changed: take the check away as it is now"
    source.write_text(whole.replace(mutation.before, mutation.after), encoding="utf-8")
    try:
        done = run(copy, mutation.test)
    finally:
        source.write_text(whole, encoding="utf-8")
    assert done.returncode == FAILED, done.stdout


def test_nothing_is_missed_in_an_unspoiled_copy(copy: Path) -> None:
    done = run(copy, MUTATIONS[0].test)
    assert done.returncode == 0, done.stdout


def test_there_are_as_many_as_there_should_be_each_of_another_number() -> None:
    assert len({mutation.number for mutation in MUTATIONS}) == len(MUTATIONS) >= WANTED


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.title)
def test_each_check_stands_in_the_source_and_its_test_in_the_tests(mutation: Mutation) -> None:
    """Cheap, so that who changes the source learns of it at once."""
    assert mutation.before in (ROOT / mutation.path).read_text(encoding="utf-8")
    file, _, name = mutation.test.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
