"""Questions on a real terminal: nothing hidden is shown, the echo is back whatever happens, Ctrl-C leaves nothing."""

import io
import os
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from secure_chat.client.asking import Lines
from secure_chat.errors import UsageInvalid
from tests.client.line.screen_model import ScreenModel
from tests.support.installation import Installation, ServerProcess
from tests.support.pseudo_terminal import TerminalProcess
from tests.support.terminal import CLIENT, PersonAtTerminal

PASSPHRASE = "correct horse battery staple"
ENVIRONMENT = {**os.environ, "TERM": "xterm-256color"}
ASK = """
from secure_chat.client.asking import Terminal
terminal = Terminal.open()
print("got", terminal.line("shown: "))
print("got", len(terminal.hidden("hidden: ")))
terminal.close()
"""


def echo_is_on(terminal: "pexpect.spawn[str]") -> bool:
    return bool(termios.tcgetattr(terminal.child_fd)[3] & termios.ECHO)


@pytest.fixture
def person(tmp_path: Path) -> PersonAtTerminal:
    return PersonAtTerminal(tmp_path, "alice")


@pytest.fixture
def asked(person: PersonAtTerminal) -> Iterator["pexpect.spawn[str]"]:
    terminal = person.spawn([sys.executable, "-c", ASK])
    yield terminal
    terminal.close(force=True)


def test_a_hidden_answer_is_not_echoed_and_the_echo_is_back_afterwards(asked: "pexpect.spawn[str]") -> None:
    asked.expect_exact("shown: ")
    assert echo_is_on(asked)
    asked.sendline("visible")
    asked.expect_exact("visible")
    asked.expect_exact("hidden: ")
    assert not echo_is_on(asked)
    asked.sendline(PASSPHRASE)
    asked.expect_exact(f"got {len(PASSPHRASE)}")
    assert PASSPHRASE not in (asked.before or "")
    asked.expect(pexpect.EOF)


@pytest.mark.parametrize("columns", [200, 80, 40, 20], ids=lambda columns: f"{columns} columns")
def test_a_long_answer_is_seen_while_it_is_typed_and_gone_from_the_screen_afterwards(
    columns: int, person: PersonAtTerminal
) -> None:
    key = "-".join(["ABCD"] * 14)
    ask = "from secure_chat.client.asking import Terminal; print('got', Terminal.open().seen_once('Recovery key: '))"
    with TerminalProcess(
        [sys.executable, "-c", f"print('before'); {ask}"], ENVIRONMENT, person.home, columns=columns
    ) as asked:
        asked.expect_text("Recovery key: ")
        asked.enter(key)
        asked.end()
        screen = ScreenModel(40, columns)
        screen.feed(asked.written.decode())
    assert key in asked.written.decode().partition("\x1b[")[0].replace("\r\n", "")  # it was there
    assert "".join(screen.everything[:2]) == "beforeRecovery key:"
    assert "".join(screen.everything[2:]) == f"got {key}"


def test_a_terminal_that_cannot_erase_keeps_a_long_answer(person: PersonAtTerminal) -> None:
    ask = "from secure_chat.client.asking import Terminal; Terminal.open().seen_once('Recovery key: ')"
    with TerminalProcess([sys.executable, "-c", ask], {**ENVIRONMENT, "TERM": "dumb"}, person.home) as asked:
        asked.expect_text("Recovery key: ")
        asked.enter("ABCD")
        asked.end()
    assert asked.written == b"Recovery key: ABCD\r\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_that_ends_the_program_leaves_the_echo_on(number: signal.Signals, asked: "pexpect.spawn[str]") -> None:
    asked.expect_exact("shown: ")
    asked.sendline("")
    asked.expect_exact("hidden: ")
    asked.kill(number)
    asked.expect(pexpect.EOF)
    asked.wait()
    assert asked.signalstatus == number
    assert echo_is_on(asked)


def test_the_end_of_input_at_a_question_is_leaving(asked: "pexpect.spawn[str]") -> None:
    asked.expect_exact("shown: ")
    asked.sendeof()
    asked.expect_exact("\r\n")  # what the shell says next does not stand beside the question
    asked.expect_exact("KeyboardInterrupt")
    asked.expect(pexpect.EOF)


def test_lines_are_taken_in_the_order_asked_and_a_missing_one_is_named() -> None:
    lines = Lines(io.BytesIO(b"alice\r\nsecret one\n"))
    assert (lines.line("User name: "), lines.hidden("Passphrase: ")) == ("alice", "secret one")
    with pytest.raises(UsageInvalid, match="expected: again"):
        lines.hidden("again: ")


def test_what_is_not_utf_8_is_said() -> None:
    with pytest.raises(UsageInvalid, match="not UTF-8"):
        Lines(io.BytesIO(b"\xff\xfe\n")).line("User name: ")


# --- join on a terminal --------------------------------------------------------------------------

PROMPTS = ("Invite link: ", "User name", "Passphrase: ", "again: ")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def tokens(installation: Installation) -> tuple[bytes, bytes]:
    """One that is never used, and one that is."""
    return installation.invite(), installation.invite()


@pytest.fixture(scope="module")
def server(installation: Installation, tokens: tuple[bytes, bytes]) -> Iterator[ServerProcess]:
    assert tokens
    with installation.start() as running:
        yield running


@pytest.fixture
def link(installation: Installation, tokens: tuple[bytes, bytes], server: ServerProcess) -> str:
    assert server.pid
    return installation.link(tokens[0])


@pytest.mark.parametrize("key", ["Ctrl-C", "Ctrl-D"])
@pytest.mark.parametrize("position", range(len(PROMPTS)), ids=[prompt.strip(" :[") for prompt in PROMPTS])
def test_leaving_at_any_prompt_of_join_leaves_the_echo_on_and_no_profile(
    position: int, key: str, link: str, person: PersonAtTerminal
) -> None:
    terminal = person.spawn([*CLIENT, "join"])
    for prompt, answer in zip(PROMPTS[:position], (link, "alice", PASSPHRASE), strict=False):
        terminal.expect_exact(prompt)
        terminal.sendline(answer)
    terminal.expect_exact(PROMPTS[position])
    terminal.sendintr() if key == "Ctrl-C" else terminal.sendeof()
    terminal.expect(pexpect.EOF)
    shown = terminal.before or ""
    assert echo_is_on(terminal)
    terminal.close()
    assert terminal.exitstatus == 130
    assert "Traceback" not in shown
    assert PASSPHRASE not in shown
    kept = [path for path in person.home.rglob("*") if path.is_file() and path.name not in ("passphrase", "lock")]
    assert kept == []


def test_slips_are_asked_for_again_and_the_key_is_shown_before_the_greeting(
    installation: Installation, tokens: tuple[bytes, bytes], server: ServerProcess, person: PersonAtTerminal
) -> None:
    assert server.pid
    link = installation.link(tokens[1])
    terminal = person.spawn([*CLIENT, "join", "--once"])
    terminal.expect_exact("Invite link: ")
    terminal.sendline(link)
    terminal.expect_exact("Server certificate matches the invite.")
    terminal.expect(r"User name( \[\w+\])?: ")
    terminal.sendline("no spaces please")
    terminal.expect_exact("A name has no spaces")
    terminal.expect(r"User name( \[\w+\])?: ")
    terminal.sendline("Rosa")
    terminal.expect_exact("Passphrase: ")
    terminal.sendline("short")
    terminal.expect_exact("at least 8 characters")
    for again in ("something else", PASSPHRASE):
        terminal.expect_exact("Passphrase: ")
        terminal.sendline(PASSPHRASE)
        terminal.expect_exact("again: ")
        terminal.sendline(again)
    terminal.expect_exact("Your keys were made on this device.")
    terminal.expect(r"Recovery key \(write it down\): ((?:[A-Z2-7]{4}-){13}[A-Z2-7]{4})\r\n")
    terminal.expect(r"link: secure-chat://\S+\.\r\n")  # its last part, the token, is empty
    terminal.expect_exact("Joined as rosa. Rooms: #lobby")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert os.path.isdir(person.home / ".local/share/secure-chat/profiles")
