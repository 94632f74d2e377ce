"""Presence on a real server: who is told when somebody comes and goes, and what /users and members show."""

from pathlib import Path

from secure_chat.protocol import administration as a
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.server.settings.control_client import ask
from secure_chat.server.settings.paths import DataDirectory
from tests.support.installation import UNHURRIED, Installation
from tests.support.wire_client import WireClient


def installed(directory: Path, grace_seconds: float) -> Installation:
    installation = Installation(directory, UNHURRIED + f"[presence]\ngrace_seconds = {grace_seconds}\n")
    installation.seed(["alice", "bob"], ["dev"])
    return installation


def opened(installation: Installation, name: str) -> WireClient:
    client = installation.connect_as(name)
    client.open("dev")
    return client


def told_of(client: WireClient, name: str) -> e.Presence:
    """The next delta of #dev that mentions `name`."""
    said = client.wait(
        lambda said: isinstance(said, e.Presence) and said.room == "dev" and name in (*said.online, *said.offline)
    )
    assert isinstance(said, e.Presence)
    return said


def users(client: WireClient) -> list[str]:
    page = client.ask(c.UserList(client.next_id()))
    assert isinstance(page, e.PeoplePage)
    return [person.name for person in page.people]


def test_the_others_are_told_who_comes_and_who_has_gone(tmp_path: Path) -> None:
    installation = installed(tmp_path, grace_seconds=0.2)
    with installation.start(), opened(installation, "alice") as alice:
        assert users(alice) == ["alice"]
        with opened(installation, "bob"):
            came = told_of(alice, "bob")
            assert (came.online, came.offline, came.count) == (["bob"], [], 2)
            assert users(alice) == ["alice", "bob"]
        gone = told_of(alice, "bob")
        assert (gone.online, gone.offline, gone.count) == ([], ["bob"], 1)
        assert users(alice) == ["alice"]


def test_a_reconnect_within_the_grace_is_not_mentioned(tmp_path: Path) -> None:
    installation = installed(tmp_path, grace_seconds=600)
    with installation.start(), opened(installation, "alice") as alice:
        with opened(installation, "bob"):
            told_of(alice, "bob")
        assert users(alice) == ["alice", "bob"]
        with opened(installation, "bob") as bob:
            bob.post("dev", "back again", b"b" * 16)
            alice.wait(lambda said: isinstance(said, e.Message) and said.text == "back again")
        assert not [said for said in alice.said if isinstance(said, e.Presence) and said.room == "dev" and said.offline]


def test_whom_an_administrator_disables_is_gone_at_once(tmp_path: Path) -> None:
    installation = installed(tmp_path, grace_seconds=600)
    with installation.start(), opened(installation, "alice") as alice, opened(installation, "bob"):
        told_of(alice, "bob")
        ask(DataDirectory(installation.data), a.SetUserState(1, "bob", "disabled"))
        alice.wait(lambda said: isinstance(said, e.Presence) and said.room == "dev" and said.count == 1)
        assert users(alice) == ["alice"]


def test_members_are_shown_with_who_is_online(tmp_path: Path) -> None:
    installation = installed(tmp_path, grace_seconds=600)
    with installation.start(), opened(installation, "alice") as alice:
        while True:  # the reader learns of it within a second
            page = alice.ask(c.RoomMembers(alice.next_id(), "dev"))
            assert isinstance(page, e.PeoplePage)
            shown = {person.name: person.online for person in page.people}
            if shown["alice"]:
                break
        assert shown == {"alice": True, "bob": False}
