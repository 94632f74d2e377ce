"""`secure-chat passwd` whose server is gone in the middle: which passphrase holds is said, or how to find out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from secure_chat.client.channel import Channel
from secure_chat.client.passphrase_change import PassphraseChange
from secure_chat.errors import ConnectionLost, NotConnected
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.commands import Command
from secure_chat.protocol.commands import PassphraseChange as AskedChange
from tests.client.one_shot.shell import Shell

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    file = tmp_path / "new"
    file.touch(mode=0o600)
    file.write_text("a new passphrase\n", encoding="utf-8")
    return file


def test_cut_off_before_the_answer_it_says_how_to_find_out(
    somebody: Callable[[], Shell], new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = somebody()
    monkeypatch.setattr("secure_chat.client.one_shot.account.COMMAND_PATIENCE_SECONDS", 0.0)
    real = Channel.send

    def send(channel: Channel, command: Command) -> None:
        if isinstance(command, AskedChange):
            raise ConnectionLost
        real(channel, command)

    monkeypatch.setattr(Channel, "send", send)
    ended = alice.run("passwd", "--new-passphrase-file", str(new))
    assert ended.code == ExitCode.NETWORK
    assert "Whether the passphrase is changed is not known" in ended.errors
    assert "find out: secure-chat status, with the new one; if that is refused, with the old one" in ended.errors
    old = alice.passphrase_file.read_bytes()
    alice.passphrase_file.write_bytes(new.read_bytes())
    assert alice.run("status").code != ExitCode.OK
    alice.passphrase_file.write_bytes(old)
    assert alice.run("status").code == ExitCode.OK


def test_without_a_connection_it_says_that_nothing_is_changed(
    somebody: Callable[[], Shell], new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = somebody()

    def begin(*_: object) -> None:
        raise NotConnected

    monkeypatch.setattr(PassphraseChange, "begin", begin)
    ended = alice.run("passwd", "--new-passphrase-file", str(new))
    assert ended.code == ExitCode.NETWORK
    assert "The passphrase is not changed. [net.offline]\n  try again: secure-chat passwd" in ended.errors
    assert "/reconnect" not in ended.errors
