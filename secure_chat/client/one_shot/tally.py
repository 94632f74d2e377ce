"""How many of the messages of one `send` were sent, kept or neither, as a sentence."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum


class Fate(Enum):
    """What became of one message: what is said of one, and of several."""

    SENT = ("was sent", "were sent")
    KEPT = ("is kept and goes by the next command that connects", "are kept and go by the next command that connects")
    HELD = ("is kept until the new key is accepted", "are kept until the new key is accepted")
    DOUBTFUL = ("may have arrived", "may have arrived")  # in a room; the answer did not come
    NOT_SENT = ("was not sent", "were not sent")


@dataclass(slots=True)
class Tally:
    """The messages so far."""

    _counts: Counter[Fate] = field(default_factory=Counter)

    def count(self, fate: Fate) -> None:
        """One more."""
        self._counts[fate] += 1

    @property
    def total(self) -> int:
        """All of them."""
        return self._counts.total()

    @property
    def has_sent(self) -> bool:
        """Whether any is on the server's disk."""
        return self._counts[Fate.SENT] > 0

    def sentence(self) -> str:
        """`78 messages were sent, 1 is kept and goes by the next command that connects, 41 were not sent.`"""
        parts: list[str] = []
        for fate in Fate:
            number = self._counts[fate]
            if number:
                noun = "" if parts else " message" if number == 1 else " messages"
                parts.append(f"{number:,}{noun} {fate.value[number > 1]}")
        return f"{', '.join(parts)}."
