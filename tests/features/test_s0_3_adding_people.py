"""Row S0.3: an administrator adds people with a command; nobody edits a file, and nothing is started anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_chat.protocol import events as e
from tests.features.team import Team, running_team

DATABASE_AND_LOG = ("secure-chat.db", "secure-chat.db-wal", "secure-chat.db-shm", "app.log")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("adding"), ["walter"]) as made:
        yield made


def test_s0_3_an_administrator_adds_a_person_who_then_joins(team: Team) -> None:
    with team.wire("walter") as walter:
        walter.open("lobby")
        joined = team.empty_machine("bob").join(team.invite("Bob"), "bob")
        assert joined.returncode == 0, joined.stderr
        assert "Joined as bob. Rooms: #lobby" in joined.stderr
        assert walter.wait_for(e.Joined).name == "bob"
    row = next(line for line in team.admin("user", "list").stdout.splitlines() if line.startswith("bob "))
    assert row.split()[1] == "member"


def test_s0_3_not_by_a_file_edited_by_hand(team: Team) -> None:
    files, process = files_of(team), team.server.pid
    with team.wire("walter") as walter:  # a server that starts anew would end this connection
        link = team.invite("carol")
        assert files_of(team) == files, "adding somebody is written into the database, and nowhere else"
        joined = team.empty_machine("carol").join(link, "carol")
        assert joined.returncode == 0, joined.stderr
        assert walter.post("lobby", "welcome", bytes(16)).number
    assert team.server.pid == process
    assert team.server.process.poll() is None
    assert files_of(team) == files
    assert "reload" not in team.log


def files_of(team: Team) -> dict[Path, tuple[bytes, int]]:
    """Every file of the installation that a person could edit, with its content and when it was changed."""
    places = (team.installation.settings_file, *team.installation.data.rglob("*"), *team.directory.glob("certs/**/*"))
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in places
        if path.is_file() and path.name not in DATABASE_AND_LOG
    }
