"""Row S0.5: who logs in is welcomed; who is in a room is told who joins and who leaves, without a flood."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.features.team import Team, running_team

CROWD = [f"visitor{number}" for number in range(100)]
HAPPENED = 4 * len(CROWD)  # each comes online, joins, leaves, goes offline
NOTICE = re.compile(r"^.*?((?:visitor\d+(?:, | and )?)+)(?:and )?(?:(\d+) others )?(.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    names, others = ["alice", "walter"], ["bob", *CROWD]
    with running_team(tmp_path_factory.mktemp("notices"), names, ["club"], outsiders=others) as made:
        yield made


def test_s0_5_who_logs_in_is_welcomed(team: Team) -> None:
    with team.machine("alice").at_terminal() as alice:
        server = f"127.0.0.1:{team.installation.port}"
        alice.expect_text(f"* connected to {server}, TLS 1.3, certificate as invited\n")
        alice.expect_text("* you are alice in #club, #lobby\n")
        alice.expect_text("/help explains the commands\n")
        alice.expect_text("#lobby >")


def test_s0_5_everyone_is_told_who_joins_and_who_leaves(team: Team) -> None:
    with team.wire("walter") as walter, team.machine("alice").at_terminal() as alice:
        alice.expect_text("#lobby >")
        walter.open("lobby")
        walter.open("club")
        with team.machine("bob").at_terminal() as bob:
            alice.expect(r"\* (walter and )?bob (is|are) online\n")
            walter.wait(lambda said: isinstance(said, e.Presence) and "bob" in said.online)
            bob.enter("/join club")
            bob.expect_text("you are in #club")
            joined = walter.wait_for(e.Joined)
            assert (joined.name, joined.room) == ("bob", "club")
            bob.enter("/leave lobby")
            bob.expect_text("you are no longer in #lobby")
            left = walter.wait_for(e.Left)
            assert (left.name, left.room) == ("bob", "lobby")
            bob.enter("/quit")
            assert bob.end() == 0
        walter.wait(lambda said: isinstance(said, e.Presence) and "bob" in said.offline)
        alice.read_until(
            lambda shown: all(line in shown for line in ("#club · bob joined", "#lobby · bob left", "bob is offline")),
            "what bob did",
        )


def test_s0_5_not_a_flood_of_notices(team: Team) -> None:
    with team.machine("alice").at_terminal() as alice, team.wire("walter") as walter:
        alice.expect_text("#lobby >")
        for room in ("club", "lobby"):
            walter.open(room)
        began = time.monotonic()
        with ExitStack() as stack:
            crowd = [stack.enter_context(team.wire(name)) for name in CROWD]
            for visitor in crowd:
                visitor.join("club")
            for visitor in crowd:
                assert isinstance(visitor.ask(c.RoomLeave(visitor.next_id(), "club")), e.Done)
        gone = {"club": 0, "lobby": 0}
        told: dict[str, list[e.Presence]] = {"club": [], "lobby": []}
        while gone["lobby"] < len(CROWD):
            presence = walter.wait_for(e.Presence)
            told[presence.room].append(presence)
            gone[presence.room] += len([name for name in presence.offline if name in CROWD])
        seconds = time.monotonic() - began
        for presences in told.values():
            assert len(presences) <= seconds + 2, "more than one a second"
        alice.read_until(everything_was_told, "the last of the crowd")
        lines = notices(alice.shown)
        assert len(lines) <= HAPPENED // 10, "\n".join(lines)


def everything_was_told(shown: str) -> bool:
    """Whether everybody has been said to have joined and left, by name or by number."""
    joined = left = 0
    for match in NOTICE.finditer(shown):
        people = len(re.findall(r"visitor\d+", match[1])) + int(match[2] or 0)
        joined += people if "joined" in match[3] else 0
        left += people if "left" in match[3] else 0
    return joined == left == len(CROWD)


def notices(shown: str) -> list[str]:
    """The lines about the crowd."""
    return [line for line in shown.splitlines() if re.search(r"visitor\d+|\d+ others", line)]
