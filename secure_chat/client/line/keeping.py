"""What the line client keeps from one start to the next: lines typed, drafts; a disk that refuses does not end it."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from secure_chat.client.vault import places
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import ChatError


class Keeping(Protocol):
    """Where the person was."""

    def lines(self) -> list[str]:
        """The lines typed, the newest last."""

    def drafts(self) -> dict[str, str]:
        """Room to what was typed there and not sent."""

    def keep_line(self, text: str) -> None:
        """A line was typed. Raises a ChatError when it cannot be kept."""

    def keep_draft(self, room: str, text: str) -> None:
        """Something was typed and not sent; an empty text: nothing any more. Raises a ChatError."""


class VaultKeeping:
    """In the vault, as everything that a person types."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def lines(self) -> list[str]:
        """The lines typed, the newest last."""
        return places.input_history(self._vault)

    def drafts(self) -> dict[str, str]:
        """Room to what was typed there and not sent."""
        return places.drafts(self._vault)

    def keep_line(self, text: str) -> None:
        """A line was typed."""
        places.add_input_line(self._vault, text)

    def keep_draft(self, room: str, text: str) -> None:
        """Something was typed and not sent."""
        places.keep_draft(self._vault, room, text)


class Kept:
    """A `Keeping` whose refusals are told once and end nothing."""

    def __init__(self, keeping: Keeping, tell: Callable[[ChatError], None]) -> None:
        self._keeping = keeping
        self._tell = tell
        self._told: set[str] = set()

    def line(self, text: str) -> None:
        """Keep a line."""
        self._try(partial(self._keeping.keep_line, text))

    def drafts(self, before: dict[str, str], after: dict[str, str]) -> None:
        """Keep the drafts that have changed."""
        for room, text in after.items():
            if text != before.get(room, ""):
                self._try(partial(self._keeping.keep_draft, room, text))

    def _try(self, keep: Callable[[], None]) -> None:
        try:
            keep()
        except ChatError as error:
            if error.code not in self._told:
                self._told.add(error.code)
                self._tell(error)
