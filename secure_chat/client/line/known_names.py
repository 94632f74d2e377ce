"""The names that completion knows: those that were seen last."""

from collections.abc import Iterator

from secure_chat.limits import MAX_KNOWN_NAMES
from secure_chat.sanitize import one_line


class KnownNames:
    """Names of people or rooms, a bounded number; the one seen longest ago goes first."""

    def __init__(self, most: int = MAX_KNOWN_NAMES) -> None:
        self._names: dict[str, None] = {}
        self._most = most

    def see(self, *names: str) -> None:
        """Somebody or some room was seen. A name that is not safe to draw is not kept."""
        for name in names:
            if not name or one_line(name) != name:
                continue
            self._names.pop(name, None)
            self._names[name] = None
            if len(self._names) > self._most:
                del self._names[next(iter(self._names))]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)
