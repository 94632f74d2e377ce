"""A store for each test, closed after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.opened import Opened


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """A new store in a directory of its own."""
    made = Opened(tmp_path / "data")
    yield made
    made.store.close()
