"""How the line client words an error: what happened, the next step, and the code at the end."""

from secure_chat.client.line.lines import Line, warning
from secure_chat.client.sentences import error_sentences
from secure_chat.errors import ChatError
from secure_chat.sanitize import one_line


def error_line(error: ChatError, *following: str) -> Line:
    """An error as one line. `following`: sentences that stand before the code, as "Nothing was sent."."""
    parts = [*error_sentences(error), *following]
    return warning(" ".join(filter(None, parts)), f" [{one_line(error.code)}]")
