"""`secure-chat send` that is cut off: what each message became is said, so that none is lost and none goes twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from secure_chat.client.channel import Channel
from secure_chat.errors import ConnectionLost
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.commands import Command, DirectSend, RoomPost
from tests.client.one_shot.shell import Shell
from tests.support.answering import Machine, newcomer
from tests.support.installation import Installation

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")


@pytest.fixture
def cut_at_second(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Command]], None]:
    """The connection is lost with the second command of a kind, and the client gives up at once."""
    monkeypatch.setattr("secure_chat.client.one_shot.account.COMMAND_PATIENCE_SECONDS", 0.0)
    real = Channel.send

    def cut(kind: type[Command]) -> None:
        seen: list[Command] = []

        def send(channel: Channel, command: Command) -> None:
            if isinstance(command, kind):
                seen.append(command)
                if len(seen) == 2:
                    monkeypatch.setattr(Channel, "send", real)
                    raise ConnectionLost
            real(channel, command)

        monkeypatch.setattr(Channel, "send", send)

    return cut


def test_a_line_on_its_way_into_a_room_is_doubtful_and_those_behind_it_were_not_sent(
    somebody: Callable[[], Shell], cut_at_second: Callable[[type[Command]], None]
) -> None:
    alice = somebody()
    cut_at_second(RoomPost)
    ended = alice.run("send", "-t", "#lobby", "--lines", "--json", typed=b"one\ntwo\nthree\n")
    assert ended.code == ExitCode.NETWORK
    *lines, error = ended.objects
    assert [each["type"] for each in lines] == ["accepted", "refused", "refused"]
    assert [(each["code"], each["kept"], each["doubtful"]) for each in lines[1:]] == [
        ("net.lost", False, True),
        ("net.lost", False, False),
    ]
    assert (error["type"], error["code"]) == ("error", "net.lost")


def test_a_message_on_its_way_to_a_person_is_kept_and_goes_by_the_next_command(
    somebody: Callable[[], Shell], cut_at_second: Callable[[type[Command]], None]
) -> None:
    alice, bob = somebody(), somebody()
    cut_at_second(DirectSend)
    ended = alice.run("send", "-t", bob.name, "--lines", typed=b"one\ntwo\nthree\nfour\n")
    assert ended.code == ExitCode.NETWORK
    counted = "1 message was sent, 1 is kept and goes by the next command that connects, 2 were not sent."
    assert counted in ended.errors.splitlines()
    assert alice.run("send", "-t", bob.name, "-m", "five").code == ExitCode.OK
    heard = bob.run("read", "-t", alice.name, "--json").objects
    assert [each["text"] for each in heard] == ["one", "two", "five"]
    assert alice.run("status", "--json").objects[0]["contacts"] == [
        {"name": bob.name, "state": "unverified", "unread": 0, "held": 0}
    ]


def test_to_a_server_that_is_not_there_nothing_is_kept_and_the_error_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installation, machine = Installation(tmp_path / "gone"), Machine(tmp_path / "gone-data")
    token = installation.invite()
    with installation.start():
        machine.joining(installation.link(token), newcomer("olga")).run().vault.close()
    olga = Shell("olga", machine, tmp_path, capsys)
    ended = olga.run("send", "-t", "#lobby", "-t", "bob", "-m", "hello", "--json")
    assert ended.code == ExitCode.NETWORK
    *lines, error = ended.objects
    assert [(each["room"], each["peer"], each["code"], each["kept"], each["doubtful"]) for each in lines] == [
        ("lobby", "", "net.refused", False, False),
        ("", "bob", "net.refused", False, False),
    ]
    assert str(error["sentence"]).endswith("Nothing was sent, and nothing is kept.")
