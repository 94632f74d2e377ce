"""Row S0.9: clients are told when the server stops, and say so."""

from pathlib import Path

from secure_chat.protocol import events as e
from tests.features.team import running_team


def test_s0_9_clients_are_told_when_the_server_stops(tmp_path: Path) -> None:
    with (
        running_team(tmp_path, ["alice", "bob"]) as team,
        team.wire("bob") as bob,
        team.machine("alice").at_terminal() as alice,
    ):
        alice.expect_text("#lobby >")
        assert team.server.terminate() == 0
        closing = bob.wait_for(e.ServerClosing)
        assert closing.retry_after > 0
        bob.wait_until_closed()
        alice.expect("The server is stopping|the server is stopping|server closes|server is closing")
        alice.expect("offline")
        alice.enter("/quit")
        assert alice.end() == 0
