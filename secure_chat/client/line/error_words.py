"""How the line client words an error: what happened, the next step, and the code at the end."""

from secure_chat.client.line.lines import Line, warning
from secure_chat.errors import ChatError
from secure_chat.sanitize import one_line


def error_line(error: ChatError, *following: str) -> Line:
    """An error as one line. `following`: sentences that stand before the code, as "Nothing was sent."."""
    parts = [_ended(one_line(error.sentence)), _as_sentence(error.next_step), *following]
    return warning(" ".join(filter(None, parts)), f" [{one_line(error.code)}]")


def _as_sentence(text: str) -> str:
    """With a capital and an end, unless it begins with a command to be typed."""
    text = one_line(text)
    if text[:1].isalpha() and not text.startswith("secure-chat"):
        text = text[0].upper() + text[1:]
    return _ended(text)


def _ended(text: str) -> str:
    """A sentence may begin with somebody's name, which has no other capitals than its own."""
    return text if not text or text[-1] in ".!?…" else f"{text}."
