"""An error and its next step as sentences of a running text."""

import pytest

from secure_chat.client.sentences import error_sentences
from secure_chat.errors import ChatError, NameTaken, ProfileUnknown


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NameTaken("The name alice is taken."), ("The name alice is taken.", "Choose another name.")),
        (NameTaken("alice is taken", hint=""), ("alice is taken.",)),
        (ProfileUnknown("No profile?", hint="secure-chat join LINK"), ("No profile?", "secure-chat join LINK.")),
    ],
)
def test_each_sentence_has_its_capital_and_its_end_and_a_command_stays_as_it_is_typed(
    error: ChatError, expected: tuple[str, ...]
) -> None:
    assert error_sentences(error) == expected
