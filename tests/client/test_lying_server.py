"""A server that lies: it reaches no terminal, ends no thread, keeps nobody busy for ever and locks nobody out."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pexpect
import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.pins import log_pin
from secure_chat.errors import ServerSaidNonsense
from secure_chat.protocol.commands import AnyCommand, InviteQuery
from secure_chat.protocol.events import InviteFacts, Said
from secure_chat.protocol.link import Link
from tests.certificates.impostors import Issuer, write
from tests.support.answering import Machine, newcomer
from tests.support.installation import HOST
from tests.support.scripted_server import Answer, ScriptedServer
from tests.support.terminal import PersonAtTerminal

CONTROLS = "\x1b]52;c;cHduZWQ=\x07\x1b[2J\u202e"
TALK = """
from secure_chat.client.asking import Terminal
terminal = Terminal.open()
terminal.say("said " + chr(27) + "]52;c;cHduZWQ=" + chr(7) + chr(27) + "[2J" + chr(0x202e) + "end")
terminal.line("asked " + chr(27) + "]52;c;cHduZWQ=" + chr(7) + chr(0x9b) + "2J end: ")
terminal.close()
"""


@contextmanager
def lying(directory: Path, answer: Answer) -> Iterator[tuple[ScriptedServer, Link]]:
    """A server under the authority of the link that says what the test writes."""
    authority, log_key = Issuer.make(), os.urandom(32)
    certificate, key = authority.issue(HOST, now=datetime.now(UTC))
    files = write(directory, key, certificate, authority.certificate)
    with ScriptedServer(server_context(files.certificate, files.key), log_key, answer) as server:
        yield server, Link(HOST, server.port, authority.public_key, log_pin(log_key), os.urandom(16))


# --- joining -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "name"), [("join", f"al{CONTROLS}"), ("join", "ALICE"), ("reset", "a\nb"), ("join\x1b[31m", "")]
)
def test_an_invite_for_a_name_that_nobody_can_have_ends_it_before_anything_is_asked_or_said(
    purpose: str, name: str, tmp_path: Path
) -> None:
    def answer(command: AnyCommand) -> list[Said | bytes]:
        return [InviteFacts(command.id, purpose, 2**42, name)] if isinstance(command, InviteQuery) else [b""]

    machine, asking = Machine(tmp_path / "home"), newcomer("alice")
    with lying(tmp_path, answer) as (server, link):
        with pytest.raises(ServerSaidNonsense) as refused:
            machine.joining(link.format(), asking).run()
        assert len(server.commands) == 1
    assert (asking.prompts, asking.said, machine.files()) == ([], [], [])
    assert refused.value.sentence.isprintable()


def test_whatever_is_said_and_asked_has_no_power_over_the_terminal(tmp_path: Path) -> None:
    terminal = PersonAtTerminal(tmp_path, "alice").spawn([sys.executable, "-c", TALK])
    terminal.expect_exact(" end: ")
    shown = terminal.before or ""
    terminal.sendline("")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert "said " in shown
    assert "asked " in shown
    assert not set(shown) & {"\x1b", "\x9b", "\x07", "\u202e"}
