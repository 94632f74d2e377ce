"""What several files of tests look at, made once."""

from collections.abc import Iterator

import pytest

from tests.features.story import ROOM, WITNESS, Story, tell
from tests.features.team import running_team


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Alice's story; its server still runs."""
    with running_team(tmp_path_factory.mktemp("story"), [WITNESS], [ROOM]) as team:
        yield tell(team)
