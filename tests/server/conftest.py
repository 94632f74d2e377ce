"""What tests of the I/O core share: one installation with people and rooms, on which each test starts a core."""

import pytest

from tests.support.installation import Installation
from tests.support.running_core import seeded

PEOPLE = ("alice", "bob", "carol", "dave")


@pytest.fixture(scope="session")
def core_installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """PEOPLE and the administrator `ruth` are members of `team` and `hall`."""
    directory = tmp_path_factory.mktemp("core")
    return seeded(directory, PEOPLE, ("team", "hall"), administrators=("ruth",))
