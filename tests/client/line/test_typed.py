"""What a typed line means: a command never goes out as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.client.line.typed import Slash, Talk, as_typed, read_typed


@pytest.mark.parametrize("text", ["", "   ", "\n", " \t\n"])
def test_nothing_is_nothing(text: str) -> None:
    assert read_typed(text) is None


def test_a_text_is_a_text_and_keeps_its_indent() -> None:
    assert read_typed("hello  ") == Talk("hello")
    assert read_typed("    if x:\n        y\n") == Talk("    if x:\n        y")
    assert read_typed("and/or /etc") == Talk("and/or /etc")


def test_a_slash_begins_a_command_in_any_case_and_after_blanks() -> None:
    assert read_typed("/JOIN dev --create") == Slash("join", "dev --create")
    assert read_typed("  /quit  ") == Slash("quit", "")
    assert read_typed("/me waves\nand smiles") == Slash("me", "waves\nand smiles")
    assert read_typed("/") == Slash("", "")
    assert read_typed("/ msg bob") == Slash("", "msg bob")


def test_two_slashes_send_one() -> None:
    assert read_typed("//etc/passwd") == Talk("/etc/passwd")
    assert read_typed("  //etc") == Talk("/etc")


def test_bytes_that_are_no_text_become_a_mark() -> None:
    assert read_typed("a\udcffb") == Talk("a\ufffdb")
    assert read_typed("/topic \udcff") == Slash("topic", "\ufffd")


def test_bang_exit_leaves() -> None:
    assert read_typed("!exit") == Slash("exit", "")
    assert read_typed(" !EXIT ") == Slash("exit", "")
    assert read_typed("!exits") == Talk("!exits")


@given(st.text(min_size=1))
def test_what_begins_with_a_single_slash_is_never_a_text(text: str) -> None:
    begun = text.lstrip()
    if begun.startswith("/") and not begun.startswith("//"):
        assert isinstance(read_typed(text), Slash)


@given(st.text(min_size=1).map(str.strip).filter(lambda text: text and text.lower() != "!exit"))
def test_a_text_that_is_given_back_means_the_same(text: str) -> None:
    assert read_typed(as_typed(text)) == Talk(text)
    assert read_typed(as_typed(text, action=True)) == Slash("me", text)
