"""What tests of the I/O core share: one installation with people and rooms, on which each test starts a core."""

from types import SimpleNamespace

import pytest

from secure_chat.server import io_thread
from tests.support.installation import Installation
from tests.support.jumping_clock import JumpingClock
from tests.support.running_core import seeded

PEOPLE = ("alice", "bob", "carol", "dave")


@pytest.fixture(scope="session")
def core_installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """PEOPLE and the administrator `ruth` are members of `team` and `hall`."""
    directory = tmp_path_factory.mktemp("core")
    return seeded(directory, PEOPLE, ("team", "hall"), administrators=("ruth",))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
    """The clock of the I/O threads of cores that start after it."""
    made = JumpingClock()
    monkeypatch.setattr(io_thread, "time", SimpleNamespace(monotonic=made.monotonic))
    return made
