"""Questions that the next typed line answers, one at a time."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what becomes of it."""

    prompt: str
    answered: Callable[[str], None]
    cancelled: Callable[[], None]  # by Ctrl-C or the end of input
    is_secret: bool = False  # the answer is not shown, and kept nowhere
    about: str = ""  # a text to keep in sight while it is decided about


class Questions:
    """The questions that are asked, in order."""

    def __init__(self) -> None:
        self._waiting: deque[Question] = deque()

    @property
    def current(self) -> Question | None:
        """The one that the next line answers."""
        return self._waiting[0] if self._waiting else None

    def ask(self, question: Question) -> None:
        """Ask, after those that are asked already."""
        self._waiting.append(question)

    def ask_next(self, question: Question) -> None:
        """Ask before the others: it goes on with what was just answered."""
        self._waiting.appendleft(question)

    def answer(self, text: str) -> None:
        """A line was typed."""
        self._waiting.popleft().answered(text)

    def cancel(self) -> bool:
        """The person does not want to answer; whether there was a question."""
        if not self._waiting:
            return False
        self._waiting.popleft().cancelled()
        return True
