"""Row S2.7: `/users` lists who is online."""

from pathlib import Path

from secure_chat.protocol import events as e
from tests.features.team import running_team


def test_s2_7_users_lists_who_is_online(tmp_path: Path) -> None:
    with running_team(tmp_path, ["alice", "bob", "carol"]) as team, team.wire("bob") as bob:
        bob.open("lobby")
        with team.machine("alice").at_terminal() as alice:
            alice.expect_text("#lobby >")
            alice.enter("/users")
            alice.expect(r"2 online:\s+alice +member +online +that is you\s+bob +member +online\s")
            with team.wire("carol"):
                alice.enter("/users")
                alice.expect(r"3 online:\s+alice .*\s+bob .*\s+carol +member +online\s")
            bob.wait(lambda said: isinstance(said, e.Presence) and "carol" in said.offline)
            alice.expect_text("#lobby >")
            alice.enter("/quit")
            assert alice.end() == 0
        listed = team.machine("alice").done("users", "--json").objects
        assert [row["name"] for row in listed if row["online"]] == ["alice", "bob"]
