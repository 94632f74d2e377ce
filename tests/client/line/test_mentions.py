"""Who is spoken to."""

import pytest

from secure_chat.client.line.lines import Piece, Style
from secure_chat.client.line.mentions import is_mentioned, marked


@pytest.mark.parametrize(
    "text", ["@alice look", "look, @alice.", "(@alice)", "alice: look", "alice, look", "@Alice", "hi @alice"]
)
def test_a_name_after_an_at_sign_or_at_the_beginning_speaks_to_that_person(text: str) -> None:
    assert is_mentioned(text, "alice")


@pytest.mark.parametrize(
    "text",
    ["alice is away", "so, alice: no", "@alice2", "@alice.b", "@alice-b", "mail@alice", "@@alice", "malice: no", "@al"],
)
def test_another_name_and_a_name_in_passing_do_not(text: str) -> None:
    assert not is_mentioned(text, "alice")


def test_a_name_with_signs_of_patterns_is_only_itself() -> None:
    assert is_mentioned("@a.b look", "a.b")
    assert not is_mentioned("@axb look", "a.b")


def test_each_mention_is_a_piece_of_its_own() -> None:
    assert marked("hi @alice, @bob and @alice", "alice") == (
        Piece("hi "),
        Piece("@alice", Style.MENTION),
        Piece(", @bob and "),
        Piece("@alice", Style.MENTION),
    )
    assert marked("nobody", "alice") == (Piece("nobody"),)
