"""One-shot commands about direct messages against a real server: sent, read once, flagged, searched, exit codes."""

import json
from collections.abc import Callable

import pytest

from secure_chat.client.direct.events import ContactVerified, DirectHeard, SafetyNumber
from secure_chat.client.events import Settled
from secure_chat.exit_codes import ExitCode
from tests.client.one_shot.shell import Shell

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")


@pytest.fixture
def alice(somebody: Callable[[], Shell]) -> Shell:
    return somebody()


@pytest.fixture
def bob(somebody: Callable[[], Shell]) -> Shell:
    return somebody()


def test_a_message_to_somebody_offline_is_read_once_and_marked_with_what_is_known(alice: Shell, bob: Shell) -> None:
    sent = alice.run("send", "-t", bob.name, "-m", "lunch at one?\nor two?", "--json")
    assert sent.code == ExitCode.OK, sent.errors
    (record,) = sent.objects
    assert record == {"schema": 1, "type": "sent", "peer": bob.name, "row": 1, "time": record["time"]}

    read = bob.run("read", "-t", alice.name, "--json")
    assert read.code == ExitCode.OK, read.errors
    (heard,) = read.objects
    assert {name: heard[name] for name in heard if name not in ("time", "sent_at", "row")} == {
        "schema": 1,
        "type": "direct",
        "peer": alice.name,
        "sender": alice.name,
        "own": False,
        "kind": "text",
        "text": "lunch at one?\nor two?",
        "trust": "unverified",
        "reason": "",
        "doubtful_time": False,
    }
    assert bob.run("read", "-t", alice.name, "--json").objects == []


def test_own_messages_are_flagged_and_can_be_left_out(alice: Shell, bob: Shell) -> None:
    alice.run("send", "-t", bob.name, "-m", "one")
    bob.run("send", "-t", alice.name, "-m", "two")
    alice.run("send", "-t", bob.name, "-m", "three")
    everything = bob.run("read", "-t", alice.name, "--since", "1", "--json")
    assert [(each["text"], each["own"]) for each in everything.objects] == [
        ("one", False),
        ("two", True),
        ("three", False),
    ]
    others = bob.run("read", "-t", alice.name, "--since", "2h", "--others", "--json")
    assert [each["text"] for each in others.objects] == ["one", "three"]
    room = bob.run("send", "-t", "#lobby", "-m", "my own words")
    assert room.code == ExitCode.OK
    mine = bob.run("read", "-t", "#lobby", "--since", "2h", "--json")
    assert [each["own"] for each in mine.objects if each.get("text") == "my own words"] == [True]
    left_out = bob.run("read", "-t", "#lobby", "--since", "2h", "--others", "--json")
    assert "my own words" not in [each.get("text") for each in left_out.objects]


def test_read_without_a_target_has_conversations_too(alice: Shell, bob: Shell) -> None:
    alice.run("send", "-t", bob.name, "-t", "#lobby", "-m", f"to {bob.name} and all")
    read = bob.run("read", "--json")
    assert [each["type"] for each in read.objects if each.get("text") == f"to {bob.name} and all"] == [
        "message",
        "direct",
    ]


def test_history_and_search_find_conversations_in_the_vault(alice: Shell, bob: Shell) -> None:
    for text in ("the first secret", "the second secret"):
        assert alice.run("send", "-t", bob.name, "-m", text).code == ExitCode.OK
    history = bob.run("history", "-t", alice.name, "-n", "1")
    assert history.output.endswith(f"[{alice.name}, end-to-end, unverified] {alice.name}: the second secret\n")
    assert len(bob.run("history", f"@{alice.name}", "-n", "all").output.splitlines()) == 2
    found = bob.run("search", "secret", "first", f"in:@{alice.name}", "--json")
    assert [each["text"] for each in found.objects] == ["the first secret"]
    bob.run("send", "-t", "#lobby", "-m", f"a secret of {bob.name}")
    both = bob.run("search", "secret", "-n", "2", "--json")
    assert [each["type"] for each in both.objects] == ["message", "direct"]
    assert bob.run("search", "secret", "in:#lobby", f"from:{alice.name}", "--json").objects == []


def test_status_names_the_people_with_whom_there_is_a_conversation(alice: Shell, bob: Shell) -> None:
    alice.run("send", "-t", bob.name, "-m", "hello")
    status = bob.run("status", "--json").objects[0]
    assert status["contacts"] == [{"name": alice.name, "state": "unverified", "unread": 1, "held": 0}]
    assert f"people       {alice.name} (unverified, 1 unread)" in bob.run("status").output


def test_nobody_of_that_name_is_not_found_and_the_right_one_is_named(alice: Shell, bob: Shell) -> None:
    alice.run("send", "-t", bob.name, "-m", "hello")
    slip = f"{bob.name}x"
    for arguments in (("send", "-t", slip, "-m", "x"), ("read", "-t", slip), ("history", "-t", slip)):
        ended = alice.run(*arguments)
        assert ended.code == ExitCode.NOT_FOUND
        assert f"There is no user {slip}. Did you mean {bob.name}? [user.unknown]" in ended.errors
    lobby = alice.run("send", "-t", "lobby", "-m", "x")
    assert lobby.code == ExitCode.USAGE  # the name is reserved
    assert "Did you mean #lobby?" in lobby.errors
    person = alice.run("history", bob.name)
    assert (person.code, f"Did you mean @{bob.name}?" in person.errors) == (ExitCode.NOT_FOUND, True), person.errors
    assert alice.run("send", "-t", alice.name, "-m", "x").code == ExitCode.USAGE
    action = alice.run("send", "-t", bob.name, "--action", "-m", "waves")
    assert "--action is for rooms" in action.errors


def test_a_room_that_is_not_there_is_not_found_in_every_command(alice: Shell, bob: Shell) -> None:
    room = bob.make_room()
    slip = f"#{room}x"
    for arguments in (("send", "-t", slip, "-m", "x"), ("read", "-t", slip), ("history", slip)):
        ended = alice.run(*arguments)
        assert (ended.code, "[room.unknown]" in ended.errors) == (ExitCode.NOT_FOUND, True), ended.errors
        assert f"There is no room {slip}. Did you mean #{room}?" in ended.errors
    for arguments in (("send", "-t", f"#{room}", "-m", "x"), ("read", "-t", f"#{room}"), ("history", room)):
        ended = alice.run(*arguments)
        assert (ended.code, "[room.not_member]" in ended.errors) == (ExitCode.PERMISSION, True), ended.errors


# negative test 23
@pytest.mark.negative(23)
def test_a_changed_key_holds_the_message_and_ends_with_code_six(alice: Shell, bob: Shell) -> None:
    assert alice.run("send", "-t", bob.name, "-m", "before").code == ExitCode.OK
    bob.reset_identity()
    held = alice.run("send", "-t", bob.name, "-m", "after", "--json")
    assert held.code == ExitCode.RECIPIENT_KEY
    (record,) = held.objects
    assert (record["type"], record["peer"], record["code"], record["kept"]) == (
        "refused",
        bob.name,
        "key.changed",
        True,
    )
    assert f"{bob.name} has a new key since" in held.errors
    assert bob.run("send", "-t", alice.name, "-m", "it is me").code == ExitCode.OK
    (shown,) = alice.run("read", "-t", bob.name, "--others", "--json").objects
    assert (shown["text"], shown["trust"]) == ("it is me", "quarantined")
    partly = alice.run("send", "-t", "#lobby", "-t", bob.name, "-m", "again")
    assert partly.code == ExitCode.PARTLY_SENT
    status = alice.run("status", "--json").objects[0]
    assert status["contacts"] == [{"name": bob.name, "state": "changed", "unread": 0, "held": 2}]
    with alice.client() as client:
        number = client.answer(client.core.compare(bob.name), SafetyNumber)
        client.answer(client.core.mark_verified(bob.name, number.digits), Settled)
        assert client.wait_for(ContactVerified).by == "number"
        assert [client.wait_for(DirectHeard).message.text for _ in range(2)] == ["after", "again"]
    read = bob.run("read", "-t", alice.name, "--json")
    assert [each["text"] for each in read.objects] == ["after", "again"]


def test_read_follows_a_conversation(alice: Shell, bob: Shell) -> None:
    alice.run("send", "-t", bob.name, "-m", "before")
    with bob.following("read", "-t", alice.name, "--follow", "--json") as lines:
        assert json.loads(next(lines))["text"] == "before"
        alice.run("send", "-t", bob.name, "-m", "while it runs")
        assert json.loads(next(lines))["text"] == "while it runs"
