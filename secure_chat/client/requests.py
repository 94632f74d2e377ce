"""What was asked and is not answered yet: repeated by itself after a refusal for a while, and on the next connection.

Pure. Almost every request may be asked twice: questions change nothing, and what changes something is known to the
server by its client id or is the same when done again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from secure_chat.client.refusals import WAIT_AND_REPEAT, error_of, seconds_to_wait
from secure_chat.errors import ChatError, VaultFull
from secure_chat.protocol.commands import Command
from secure_chat.protocol.events import Failure, Said

AskedAgain: TypeAlias = Callable[[ChatError, float], None]  # why, and in how many seconds


def _say_nothing(_error: ChatError, _seconds: float) -> None:
    return


@dataclass(slots=True, eq=False)
class Request:
    """One thing that is asked: how to ask it under a given id, and what to do with what comes of it."""

    command: Callable[[int], Command]
    answered: Callable[[Said], None]
    refused: Callable[[ChatError], None]
    delayed: AskedAgain = _say_nothing
    lost: Callable[[], None] | None = None  # set: not asked again on the next connection; this is called instead
    patient: tuple[type[ChatError], ...] = WAIT_AND_REPEAT  # refusals after which it is asked again
    not_before: float = field(default=0.0, repr=False)  # on the session's clock


class Requests:
    """All requests of one session, in the order in which they were first asked."""

    def __init__(self) -> None:
        self._waiting: list[Request] = []
        self._under_way: dict[int, Request] = {}  # by id, in the order of asking

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way)

    @property
    def unanswered(self) -> bool:
        """Whether an answer is expected on this connection."""
        return bool(self._under_way)

    def ask(self, request: Request) -> None:
        """Have it asked as soon as possible."""
        self._waiting.append(request)

    def drop(self, request: Request) -> None:
        """It is no longer wanted; an answer under way is not listened to."""
        if request in self._waiting:
            self._waiting.remove(request)
        for number, each in self._under_way.items():
            if each is request:
                del self._under_way[number]
                return

    def due(self, now: float, next_id: Callable[[], int]) -> Iterator[Command]:
        """The commands to be sent now."""
        ready = [request for request in self._waiting if request.not_before <= now]
        self._waiting = [request for request in self._waiting if request.not_before > now]
        for request in ready:
            number = next_id()
            self._under_way[number] = request
            yield request.command(number)

    def next_time(self) -> float | None:
        """When the next request falls due; None when none waits."""
        return min((request.not_before for request in self._waiting), default=None)

    def reply(self, said: Said, now: float) -> bool:
        """Take a reply to whoever asked. False when it answers nothing: an event, or a refusal of the connection."""
        number = getattr(said, "id", 0)
        request = self._under_way.pop(number, None)
        if request is None:
            return False
        try:
            self._settle(request, said, now)
        except VaultFull:  # the connection ends of it; what cannot be kept is as good as lost, and so asked again
            self._under_way[number] = request
            raise
        return True

    def _settle(self, request: Request, said: Said, now: float) -> None:
        if not isinstance(said, Failure):
            request.answered(said)
            return
        error = error_of(said)
        if isinstance(error, request.patient):
            seconds = seconds_to_wait(error)
            request.not_before = now + seconds
            self._waiting.append(request)
            request.delayed(error, seconds)
        else:
            request.refused(error)

    def disconnected(self) -> None:
        """What was under way is asked again on the next connection, before everything newer."""
        under_way = list(self._under_way.values())
        self._under_way.clear()
        self._waiting = [*(request for request in under_way if request.lost is None), *self._waiting]
        for request in under_way:
            if request.lost is not None:
                request.lost()
