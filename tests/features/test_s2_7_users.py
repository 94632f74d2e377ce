"""Row S2.7: `/users` lists who is online."""

from pathlib import Path

from tests.features.team import running_team


def test_s2_7_users_lists_who_is_online(tmp_path: Path) -> None:
    with running_team(tmp_path, ["alice", "bob", "carol"]) as team, team.wire("bob"):
        with team.machine("alice").at_terminal() as alice:
            alice.expect_text("#lobby >")
            alice.enter("/users")
            alice.expect(r"2 online:\s+alice +member +online +that is you\s+bob +member +online\s")
            with team.wire("carol"):
                alice.enter("/users")
                alice.expect(r"3 online:\s+alice .*\s+bob .*\s+carol +member +online\s")
            alice.expect_text("#lobby >")
            assert "carol" in alice.shown
            alice.enter("/quit")
            assert alice.end() == 0
        listed = team.machine("alice").done("users", "--json").objects
        assert [row["name"] for row in listed if row["online"]] == ["alice", "bob"]
