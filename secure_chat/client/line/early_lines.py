"""Lines typed before the first connection stands: they wait, and then run in the order typed."""

from collections import deque

from secure_chat.client.line.lines import Line, detail, notice, warning
from secure_chat.client.line.registry import Registry
from secure_chat.client.line.typed import Slash, read_typed
from secure_chat.sanitize import sanitize

_AT_ONCE = ("exit", "help", "quit", "reconnect", "status")  # these need no connection, and are wanted most without one


class EarlyLines:
    """What was typed too early."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @staticmethod
    def must_wait(text: str, registry: Registry) -> bool:
        """Whether a line means something only once there is a connection; a slip is told at once."""
        typed = read_typed(text)
        if isinstance(typed, Slash):
            return registry.get(typed.name) is not None and typed.name not in _AT_ONCE
        return typed is not None

    def wait(self, text: str) -> Line:
        """Keep a line; what is said about it."""
        self._waiting.append(text)
        return notice(f"waits for the connection: {sanitize(text.strip())}")

    def take(self) -> str:
        """The one typed first."""
        return self._waiting.popleft()

    def give_up(self) -> list[Line]:
        """What is said of them at the end, when there was no connection; they are none any more."""
        waiting, self._waiting = self._waiting, deque()
        if not waiting:
            return []
        heading = f"{len(waiting)} lines were" if len(waiting) > 1 else "1 line was"
        return [warning(f"{heading} not looked at:"), *(detail(sanitize(text.strip())) for text in waiting)]
