"""The screen where nothing but text goes: pipes, files, a dumb terminal. Lines in, lines out, no escape sequence."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest

from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_INPUT_LINE_BYTES
from tests.client.line.stage import BURST
from tests.client.line.typist import STAGE, Typist
from tests.support.wire_client import PATIENCE_SECONDS

WELCOME = [
    "* connected to team.example.org, TLS 1.3, certificate as invited",
    "* you are alice in #dev, #lobby",
    "* rooms are kept by the server, which can read them; /help explains the commands",
    "* you write to #lobby",
]
NO_FILES = "! Files are not in this version. Nothing was sent. /help lists what there is. [usage.not_in_version]"
GOODBYE = "* left team.example.org"


def piped(text: str | bytes, **environment: str) -> tuple[int, list[str], str]:
    """Exit code, lines of standard output with their times as 00:00, standard error."""
    done = subprocess.run(
        [sys.executable, *STAGE],
        input=text if isinstance(text, bytes) else text.encode(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        check=False,
    )
    output = done.stdout.decode()
    assert "\x1b" not in output
    return (
        done.returncode,
        re.sub(r"^\d\d:\d\d", "00:00", output, flags=re.MULTILINE).splitlines(),
        done.stderr.decode(),
    )


def test_a_list_of_lines_is_a_conversation() -> None:
    code, lines, errors = piped("hello\n/rooms\n/go dev\n/me waves\n/send-file x bob\n")
    assert (code, errors) == (ExitCode.OK, "")
    assert lines == [
        *WELCOME,
        "00:00 #lobby alice: hello",
        "* 2 rooms, kept by the server, which can read them:",
        "  #dev     2 members   you are in it",
        "  #lobby   2 members   you are in it",
        "* you write to #dev",
        "00:00 #dev * alice waves",
        NO_FILES,
        GOODBYE,
    ]


def test_quit_ends_before_what_follows_it() -> None:
    code, lines, _ = piped("hello\n/quit\nnever\n")
    assert code == ExitCode.OK
    assert lines == [*WELCOME, "00:00 #lobby alice: hello", GOODBYE]


def test_a_last_line_without_an_end_is_a_line() -> None:
    assert piped("hello")[1] == [*WELCOME, "00:00 #lobby alice: hello", GOODBYE]


def test_no_input_at_all_ends_at_once() -> None:
    assert piped("")[:2] == (ExitCode.OK, [*WELCOME, GOODBYE])


def test_a_burst_comes_out_in_order() -> None:
    _, lines, _ = piped("burst\n")
    assert [line for line in lines if "burst " in line] == [f"00:00 #dev dave: burst {n}" for n in range(1, BURST + 1)]


def test_a_long_line_is_one_line_and_its_breaks_stand_behind_bars() -> None:
    text = "word " * 100
    _, lines, _ = piped(f"{text}\nevil\n")
    assert f"00:00 #lobby alice: {text.strip()}" in lines
    assert "    | \ufffdevil" in lines


def test_a_line_that_is_too_long_is_left_out_and_named() -> None:
    _, lines, _ = piped("x" * (MAX_INPUT_LINE_BYTES + 1) + "\nhello\n")
    assert f"! a line of more than {MAX_INPUT_LINE_BYTES:,} bytes was left out" in lines
    assert "00:00 #lobby alice: hello" in lines


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert "00:00 #lobby alice: a\ufffdb" in piped(b"a\xffb\n")[1]


def test_nobody_is_asked_for_a_passphrase() -> None:
    code, lines, _ = piped("locked\nnever\n")
    assert code == ExitCode.PERMISSION
    assert any(line.endswith("[auth.token_unknown]") for line in lines)
    assert not any("never" in line for line in lines)


def test_what_could_not_be_sent_is_named_and_is_the_exit_code() -> None:
    code, lines, _ = piped("offline\nfirst\nsecond\n")
    assert code == ExitCode.NETWORK
    assert lines[-4:] == ["! 2 lines were not looked at: no connection", "  first", "  second", GOODBYE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, *STAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"* connected")
        process.send_signal(number)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == ExitCode.INTERRUPTED
    assert output.decode().splitlines()[-1] == GOODBYE
    assert errors == b""


# --- a terminal that calls itself dumb -----------------------------------------------------------

DUMB: Mapping[str, str] = {"TERM": "dumb"}


def test_a_dumb_terminal_gets_text_and_nothing_else() -> None:
    with Typist(environment=DUMB) as alice:
        alice.sees("which can read them")
        alice.enter("hello")
        alice.sees("#lobby alice: hello")
        alice.enter("/quit")
        assert alice.ends() == ExitCode.OK
        assert "\x1b" not in alice.text


def test_a_dumb_terminal_asks_for_a_passphrase_without_echo() -> None:
    with Typist(environment=DUMB) as alice:
        alice.sees("which can read them")
        alice.enter("locked")
        alice.sees("^Passphrase of alice:$")
        alice.enter("hunter22")
        alice.sees("it has 8 letters")
        assert "hunter" not in alice.text
        alice.enter("shown again")
        alice.sees("^shown again$")
        assert alice.is_cooked


def test_a_dumb_terminal_has_its_echo_back_when_the_question_is_left() -> None:
    with Typist(environment=DUMB) as alice:
        alice.sees("which can read them")
        alice.enter("locked")
        alice.sees("^Passphrase of alice:$")
        alice.type("\x03")
        assert alice.ends() == ExitCode.OK
        assert alice.is_cooked


def test_a_dumb_terminal_is_left_by_two_interrupts() -> None:
    with Typist(environment=DUMB) as alice:
        alice.sees("which can read them")
        alice.type("\x03")
        alice.sees("once more Ctrl-C")
        alice.type("\x03")
        assert alice.ends() == ExitCode.INTERRUPTED
        assert alice.everything[-1] == GOODBYE


def test_a_dumb_terminal_whose_window_is_closed_ends_it() -> None:
    with Typist(environment=DUMB) as alice:
        alice.sees("which can read them")
        alice.hang_up()
        assert alice.process.wait(PATIENCE_SECONDS) == ExitCode.INTERRUPTED


def test_a_dumb_terminal_is_left_by_the_end_of_input() -> None:
    with Typist(environment=DUMB) as alice:
        alice.sees("which can read them")
        alice.type("\x04")
        assert alice.ends() == ExitCode.OK
        assert alice.everything[-1] == GOODBYE


# --- a pipe never sends a line elsewhere than where it was meant to go ---------------------------


def test_after_a_way_that_failed_a_line_of_a_pipe_goes_nowhere_until_one_is_found() -> None:
    code, lines, _ = piped("/join elsewhere\na secret\n/go dev\nhello\n")
    assert code == ExitCode.PARTLY_SENT
    assert [line.rpartition(" ")[2] for line in lines[-5:-3]] == ["[room.not_member]", "[room.none]"]
    assert lines[-3:] == ["* you write to #dev", "00:00 #dev alice: hello", GOODBYE]
    assert not any("secret" in line for line in lines)


def test_what_failed_is_the_exit_code_of_a_pipe() -> None:
    code, lines, _ = piped("refuse this\nhello\n/go bobb\n")
    assert code == ExitCode.PERMISSION
    assert "00:00 #lobby alice: hello" in lines


def test_after_a_removal_a_line_of_a_pipe_goes_nowhere() -> None:
    code, lines, _ = piped("removed\nhello\n")
    assert code == ExitCode.PARTLY_SENT
    assert "! you were removed from #lobby" in lines
    assert not any("alice: hello" in line for line in lines)
