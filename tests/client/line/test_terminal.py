"""The screen on a real pseudo-terminal: one writer, a prompt that stays whole, keys, secrets, signals."""

import re
import signal

import pytest

from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_SHOWN_COMPLETIONS
from tests.client.line.stage import BURST, CROWD
from tests.client.line.typist import STAGE, Typist
from tests.support.command import PATIENCE_SECONDS
from tests.support.pseudo_terminal import ROWS

KEY_UP = "\x1b[A"
ALT_ENTER = "\x1b\r"
ALT_DOWN = "\x1b[1;3B"
PASTE = "\x1b[200~{}\x1b[201~"


def at_the_prompt(typist: Typist) -> Typist:
    typist.is_at("#lobby >")
    return typist


def test_an_own_line_is_on_the_screen_once_and_the_prompt_below_it() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("hello")
        alice.sees(r"^\d\d:\d\d #lobby alice: hello$")
        alice.is_at("#lobby >")
        assert [row for row in alice.everything if "hello" in row] == [alice.sees("hello")]


def test_a_command_stays_above_its_answer() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("/rooms")
        alice.sees("#lobby +2 members")
        rows = alice.everything
        assert rows[rows.index("#lobby > /rooms") + 1].startswith("* 2 rooms")


def test_a_burst_is_drawn_in_order_and_leaves_prompt_and_typing_whole() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("burst")
        alice.type("half a line")
        alice.sees(f"burst {BURST}$")
        alice.is_at("#lobby > half a line")
        drawn = [int(match[1]) for row in alice.everything if (match := re.search(r"dave: burst (\d+)$", row))]
        assert drawn == list(range(1, BURST + 1))
        alice.enter("")
        alice.sees("#lobby alice: half a line")
        alice.is_at("#lobby >")
        assert [row for row in alice.everything if row.startswith("#lobby >")] == ["#lobby >"]


def test_no_escape_sequence_of_a_remote_text_reaches_the_terminal() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("evil")
        alice.sees("evil$")
        alice.is_at("#lobby >")  # and the model has met no control that it does not know
        assert "52;c" not in alice.text
        assert "\x9b" not in alice.text
        assert "1049" not in alice.text
        assert "\u202e" not in alice.text
        assert alice.screen.bells == 0


def test_the_bell_rings_for_a_mention() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("mention")
        alice.sees("@alice look")
        alice.is_at("#lobby >")
        assert alice.screen.bells == 1


def test_without_colour_no_attribute_is_written_and_with_it_some_are() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("mention")
        alice.sees("@alice look")
        alice.is_at("#lobby >")
        assert alice.screen.attributes == set()
    with Typist((*STAGE, "--color")) as alice:
        at_the_prompt(alice).enter("mention")
        alice.sees("@alice look")
        assert "1;7" in alice.screen.attributes


# --- a paste that is asked about -------------------------------------------------------------------


def test_a_paste_that_is_asked_about_stays_in_sight_and_leaves_no_blank_rows() -> None:
    with Typist() as alice:
        at_the_prompt(alice)
        for number in range(ROWS):  # so that the prompt is at the bottom
            alice.enter(f"line {number}")
            alice.sees(f"alice: line {number}$")
        alice.type(PASTE.format("\n".join(f"row {number}" for number in range(8))))
        alice.sees("row 7$")
        alice.enter("")
        alice.is_at("8 lines: send as one message? y/n >")
        assert alice.screen.shown[-9:-1] == [f"      row {number}" for number in range(8)]
        alice.enter("y")
        alice.sees(r"\| row 7$")
        alice.is_at("#lobby >")
        assert alice.screen.shown[-10:-1] == [
            "8 lines: send as one message? y/n > y",
            alice.sees("alice: row 0$"),
            *(f"    | row {number}" for number in range(1, 8)),
        ]


def test_of_a_paste_that_is_longer_than_the_screen_its_beginning_stays_in_sight() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type(PASTE.format("\n".join(f"row {number}" for number in range(60))))
        alice.sees("row 59$")
        alice.enter("")
        alice.is_at("60 lines: send as one message? y/n >")
        shown = [row for row in alice.screen.shown if row]
        assert shown[-2:] == ["      … and 24 more lines", "60 lines: send as one message? y/n >"]
        assert shown[-3] == "      row 35"
        alice.enter("n")
        alice.sees("nothing was sent")


# --- typing --------------------------------------------------------------------------------------


def test_alt_enter_and_a_paste_make_one_message_of_several_lines() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type(f"first{ALT_ENTER}second")
        alice.sees("^      second$")
        alice.enter("")
        alice.sees(r"^ {4}\| second$")
        alice.type(PASTE.format("one\rtwo\r\nthree"))
        alice.sees("^      three$")
        alice.enter("")
        alice.sees(r"^ {4}\| three$")
        assert len([row for row in alice.everything if "#lobby alice:" in row]) == 2


def test_a_paste_of_many_lines_is_asked_about() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type(PASTE.format("\n".join(f"line {number}" for number in range(12))))
        alice.sees("line 11$")
        alice.enter("")
        alice.is_at("12 lines: send as one message? y/n >")
        alice.enter("n")
        alice.sees("nothing was sent. Your text is back at the prompt.")
        alice.sees("^      line 11$")
        alice.type("\x03")
        alice.is_at("#lobby >")


def test_a_paste_is_made_safe_before_it_is_shown() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type(PASTE.format("a\x9b31mb\u202ec"))
        alice.is_at("#lobby > ab\ufffdc")


def test_earlier_lines_come_back_by_up_and_by_search() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type(KEY_UP)
        alice.is_at("#lobby > yesterday")
        alice.type("\x03")
        alice.is_at("#lobby >")
        alice.type("\x12before")
        alice.sees("^#lobby > the day before yesterday$")
        alice.enter("")
        alice.is_at("#lobby > the day before yesterday")


def test_tab_completes_and_lists() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type("/rec\t")
        alice.is_at("#lobby > /reconnect")
        alice.type("\x03")
        at_the_prompt(alice).type("/me\t\t")
        alice.sees("^  /me  /members$")
        alice.is_at("#lobby > /me")


def test_a_long_list_of_proposals_says_how_many_are_left_out() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("crowd")
        alice.sees("guest000, guest001 and 98 others are online")
        alice.type("@g\t\t")
        alice.sees(f"… and {len(CROWD) - MAX_SHOWN_COMPLETIONS} more$")
        alice.is_at("#lobby > @guest0")


def test_a_key_moves_between_rooms_and_what_is_typed_stays_with_its_room() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type("for the lobby")
        alice.is_at("#lobby > for the lobby")
        alice.type(ALT_DOWN)
        alice.is_at("#dev >")
        alice.type(ALT_DOWN)
        alice.is_at("#lobby > for the lobby")
        alice.type("\x03\x04")
        assert alice.ends() == ExitCode.OK


def test_a_refused_line_is_back_at_the_prompt() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("refuse this")
        alice.sees("room.not_member")
        alice.is_at("#lobby > refuse this")


# --- secrets -------------------------------------------------------------------------------------


def test_a_passphrase_is_never_shown_nor_kept_nor_brought_back() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("locked")
        alice.is_at("Passphrase of alice:")
        alice.type("hunter22")
        alice.type("\x15")  # Ctrl-U: cut
        alice.type(KEY_UP)
        alice.type("\x12")
        alice.enter("hunter22")
        alice.sees("it has 8 letters")
        at_the_prompt(alice).type("\x19")  # Ctrl-Y: paste what was cut
        alice.type(KEY_UP)
        alice.is_at("#lobby > locked")
        assert "hunter" not in alice.text


def test_what_is_being_typed_waits_while_the_passphrase_is_asked_for() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("locked")
        alice.is_at("Passphrase of alice:")
        alice.enter("hunter22")
        alice.sees("it has 8 letters")
        at_the_prompt(alice)
        assert alice.screen.cursor_column == len("#lobby > ")


# --- offline -------------------------------------------------------------------------------------


def test_offline_shows_a_countdown_at_the_prompt_and_the_lines_that_wait() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("offline")
        alice.is_at("#lobby (offline, next try in 3 s) >")
        alice.enter("hello")
        alice.sees(r"^\* no connection, waits to be sent: #lobby hello$")
        alice.is_at("#lobby (offline, next try in 3 s, 1 line waits) >")
        alice.enter("online")
        alice.sees(r"^\* back: connected to team.example.org again")
        alice.enter("/quit")
        assert alice.ends() == ExitCode.PARTLY_SENT
        assert alice.everything[-3:] == ["! 1 line was not sent:", "  #lobby hello", "* left team.example.org"]


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("/quit\r", ExitCode.OK),
        ("!exit\r", ExitCode.OK),
        ("\x04", ExitCode.OK),
        ("\x03\x03", ExitCode.INTERRUPTED),
        ("text\x03\x03", ExitCode.INTERRUPTED),
    ],
)
def test_every_way_to_leave_gives_the_terminal_back_as_it_was(keys: str, code: ExitCode) -> None:
    with Typist() as alice:
        before = alice.is_cooked
        at_the_prompt(alice)
        assert (before, alice.is_cooked) == (True, False)
        alice.type(keys)
        assert alice.ends() == code
        assert alice.everything[-1] == "* left team.example.org"
        assert "Traceback" not in alice.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with Typist() as alice:
        at_the_prompt(alice)
        alice.signal(number)
        if number is signal.SIGINT:
            alice.sees("once more Ctrl-C")
            alice.signal(number)
        assert alice.ends() == ExitCode.INTERRUPTED
        assert alice.everything[-1] == "* left team.example.org"


def test_a_window_that_is_closed_ends_it() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type("half a line")
        alice.is_at("#lobby > half a line")
        alice.hang_up()
        assert alice.process.wait(PATIENCE_SECONDS) == ExitCode.INTERRUPTED


def test_a_draft_is_kept_at_the_end() -> None:
    with Typist() as alice:
        at_the_prompt(alice).type("half a line")
        alice.is_at("#lobby > half a line")
        alice.signal(signal.SIGTERM)
        assert alice.ends() == ExitCode.INTERRUPTED
        assert "draft kept in lobby: half a line" in alice.text


def test_a_client_that_stops_by_itself_ends_the_program_with_its_number() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("stopped")
        assert alice.ends() == ExitCode.NETWORK
        assert any("[net.lost]" in row for row in alice.everything)


def test_a_fault_of_this_program_gives_the_terminal_back_and_is_seen() -> None:
    with Typist() as alice:
        at_the_prompt(alice).enter("bug")
        assert alice.ends() == ExitCode.BUG
        assert "a fault of this program" in alice.text


def test_another_size_of_the_terminal_is_another_width_of_the_lines() -> None:
    with Typist(columns=80) as alice:
        at_the_prompt(alice)
        alice.resize(40)
        alice.enter("word " * 12)
        alice.sees("^      word")
        alice.is_at("#lobby >")
