"""Asking again when a server that is busy asks for time: by itself, said, and not for ever."""

from collections.abc import Callable
from typing import TypeVar

from secure_chat.client.refusals import WAIT_AND_REPEAT, seconds_to_wait
from secure_chat.client.waiting import Waiter
from secure_chat.errors import ChatError
from secure_chat.limits import ENROLMENT_ATTEMPTS

Result = TypeVar("Result")


class Patience:
    """One command's patience with a server."""

    def __init__(self, waiter: Waiter, say: Callable[[str], None]) -> None:
        """`say` tells the person what is being waited for."""
        self._waiter = waiter
        self._say = say

    def ask(self, question: Callable[[], Result]) -> Result:
        """The result of `question`, asked again as often as the server asks for time, five times in all."""
        for _ in range(ENROLMENT_ATTEMPTS - 1):
            try:
                return question()
            except WAIT_AND_REPEAT as error:
                self.wait(error, seconds_to_wait(error))
        return question()

    def wait(self, error: ChatError, seconds: float) -> None:
        """Say why, and wait."""
        self._say(f"{error.sentence} Trying again in {seconds:.0f} s (Ctrl-C stops).")
        until = self._waiter.clock() + seconds
        while self._waiter.clock() < until:
            self._waiter.wait(until)
