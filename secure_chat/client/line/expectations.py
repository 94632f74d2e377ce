"""Which answer belongs to which command: tickets of calls, and what to do when they are answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from secure_chat.client.events import Answer, Answered, Failed, Ticket
from secure_chat.errors import ChatError

OnAnswer: TypeAlias = Callable[[Answer], None]
OnFailure: TypeAlias = Callable[[ChatError], None]


@dataclass(frozen=True, slots=True)
class _Expectation:
    answered: OnAnswer
    failed: OnFailure


class Expectations:
    """The calls that are under way."""

    def __init__(self) -> None:
        self._waiting: dict[Ticket, _Expectation] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def expect(self, ticket: Ticket, answered: OnAnswer, failed: OnFailure) -> None:
        """One of the two is called once."""
        self._waiting[ticket] = _Expectation(answered, failed)

    def settle(self, event: Answered | Failed) -> None:
        """An answer came. One that nobody expects is nobody's."""
        expectation = self._waiting.pop(event.ticket, None)
        if expectation is None:
            return
        if isinstance(event, Failed):
            expectation.failed(event.error)
        else:
            expectation.answered(event.answer)
