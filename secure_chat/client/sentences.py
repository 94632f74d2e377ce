"""What an error says and its next step as sentences of a running text."""

from secure_chat.errors import ChatError
from secure_chat.programs import typable
from secure_chat.sanitize import one_line


def error_sentences(error: ChatError) -> tuple[str, ...]:
    """What happened and, where there is one, the next step: each one with its end, safe to show."""
    return tuple(filter(None, (_ended(one_line(error.sentence)), _as_sentence(error.next_step))))


def _as_sentence(text: str) -> str:
    """With a capital and an end, unless it begins with a command to be typed."""
    text = one_line(text)
    if text[:1].isalpha() and not text.startswith("secure-chat"):
        text = text[0].upper() + text[1:]
    return _ended(typable(text))


def _ended(text: str) -> str:
    """A sentence may begin with somebody's name, which has no other capitals than its own."""
    return text if not text or text[-1] in ".!?…" else f"{text}."
