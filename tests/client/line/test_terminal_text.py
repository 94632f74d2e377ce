"""The text at the prompt steps aside for a question and comes back; nothing of the answer stays."""

from prompt_toolkit.buffer import Buffer

from secure_chat.client.line.terminal_text import TerminalText


def test_what_was_typed_waits_while_a_question_is_answered() -> None:
    text, buffer = TerminalText(), Buffer()
    text.use(buffer)
    buffer.insert_text("half a line")
    text.step_aside()
    assert (text.get(), buffer.text) == ("half a line", "")
    buffer.insert_text("secret")
    assert text.get() == "half a line"
    text.step_back()
    assert (text.get(), buffer.text, buffer.cursor_position) == ("half a line", "half a line", 11)
    buffer.undo()
    assert "secret" not in buffer.text


def test_a_text_that_is_put_back_during_a_question_is_there_after_it() -> None:
    text, buffer = TerminalText(), Buffer()
    text.use(buffer)
    text.step_aside()
    buffer.insert_text("secret")
    text.set("refused")
    assert buffer.text == "secret"
    text.step_back()
    assert buffer.text == "refused"


def test_stepping_aside_or_back_twice_changes_nothing() -> None:
    text, buffer = TerminalText(), Buffer()
    text.use(buffer)
    text.set("a line")
    text.step_back()
    text.step_aside()
    text.step_aside()
    text.step_back()
    text.step_back()
    assert buffer.text == "a line"


def test_what_was_set_before_there_was_a_terminal_is_at_its_prompt() -> None:
    text, buffer = TerminalText(), Buffer()
    text.set("a draft")
    text.use(buffer)
    assert buffer.text == "a draft"
