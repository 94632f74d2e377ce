"""Lines become text in one place: safe, wrapped behind an indent, never looking like another line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.client.line.lines import INDENT, Line, Painter, Piece, Style, line, notice, rows, warning
from secure_chat.sanitize import cells, sanitize

ESCAPES = ("\x1b[2J", "\x1b]52;c;aGk=\x07", "\x9b31m", "\x07", "\r", "\x08", "\u202e", "\x1b]0;title\x1b\\")


def painted(drawn: Line, width: int | None = None) -> list[str]:
    return Painter().paint([drawn], width).split("\n")[:-1]


def test_a_notice_and_a_warning_say_in_a_sign_what_they_are() -> None:
    assert painted(notice("connected")) == ["* connected"]
    assert painted(warning("offline")) == ["! offline"]


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_control_character_of_a_text_is_drawn(escape: str) -> None:
    drawn = "".join(painted(line("10:02 #dev dave: ", Piece(f"a{escape}b", Style.NAME))))
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", drawn)


@given(st.text(max_size=300), st.sampled_from([None, 30, 80]))
def test_whatever_the_text_only_our_own_escape_sequences_are_drawn(text: str, width: int | None) -> None:
    drawn = Painter(color=True).paint([line(Piece(text, Style.MENTION))], width)
    rest = re.sub("\x1b\\[[0-9;]*m", "", drawn)
    assert "\x1b" not in rest
    assert sanitize(rest) == rest


def test_what_follows_a_line_break_in_a_text_stands_behind_a_bar() -> None:
    forged = "hello\n10:03 #dev alice: I agree"
    assert painted(line("10:02 #dev dave: ", forged)) == ["10:02 #dev dave: hello", "    | 10:03 #dev alice: I agree"]
    assert painted(line("10:02 #dev dave: ", forged), 80)[1] == "    | 10:03 #dev alice: I agree"


def test_a_text_padded_to_the_width_of_the_screen_cannot_begin_a_line() -> None:
    start = "10:02 #dev dave: "
    for blank in (" ", "\u00a0", "\u3000", "\u2800", "\u3164"):
        forged = f"ok{blank * (80 - len(start) - 2)}10:03 #dev alice: I agree"
        drawn = painted(line(start, forged), 80)
        assert all(each.startswith(" " * INDENT) for each in drawn[1:]), blank


def test_a_long_line_is_wrapped_at_its_words_and_goes_on_indented() -> None:
    drawn = painted(line("10:02 #dev dave: ", "word " * 30), 40)
    assert len(drawn) > 3
    assert all(cells(each) < 40 for each in drawn)
    assert all(each.startswith("      word") for each in drawn[1:])
    assert " ".join(" ".join(drawn).split()) == "10:02 #dev dave: " + " ".join(["word"] * 30)


def test_a_long_address_stays_whole_so_that_it_can_be_copied() -> None:
    address = "https://example.org/" + "a" * 100
    drawn = painted(line("10:02 #dev dave: see ", address, " please"), 40)
    assert drawn == ["10:02 #dev dave: see ", f"      {address}", "      please"]


def test_a_long_word_of_wide_letters_is_cut_between_them() -> None:
    drawn = painted(line("10:02 #dev dave: ", "漢" * 60), 40)
    assert all(cells(each) < 40 for each in drawn)
    assert "".join(each.strip() for each in drawn).endswith("漢" * 60)


def test_a_narrow_terminal_and_none_at_all_get_a_line_as_long_as_it_is() -> None:
    text = "word " * 30
    assert len(painted(line(text), 10)) == 1
    assert len(painted(line(text), None)) == 1


@given(st.text(alphabet="ab \n漢é\u0301👩\u200d👧", max_size=200), st.integers(24, 60))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    drawn = rows(line(text), width)
    shown = "".join(piece.text for row in drawn for piece in row)
    assert [letter for letter in shown if not letter.isspace() and letter != "|"] == [
        letter for letter in sanitize(text) if not letter.isspace() and letter != "|"
    ]


def test_colour_is_ours_and_ends_with_the_piece() -> None:
    mention = line("a ", Piece("@alice", Style.MENTION), " b")
    assert Painter(color=True).paint([mention]) == "a \x1b[1;7m@alice\x1b[0m b\n"
    assert Painter(color=False).paint([mention]) == "a @alice b\n"
