"""Who is known to be online or offline, as far as this person has been told."""

from secure_chat.limits import MAX_KNOWN_NAMES


class Presence:
    """What was last told of people, a bounded number; the one told of longest ago goes first."""

    def __init__(self, most: int = MAX_KNOWN_NAMES) -> None:
        self._online: dict[str, bool] = {}
        self._most = most

    def told(self, name: str, *, online: bool) -> None:
        """Somebody is online, or is not."""
        self._online.pop(name, None)
        self._online[name] = online
        if len(self._online) > self._most:
            del self._online[next(iter(self._online))]

    def is_offline(self, name: str) -> bool:
        """Whether somebody was last told to be offline; of whom nothing was told is not."""
        return not self._online.get(name, True)

    def forget(self) -> None:
        """The connection is gone, and with it what was known."""
        self._online.clear()
