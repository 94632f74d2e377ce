"""Which descriptors are ready: the system's best way of asking."""

import select
from collections.abc import Callable
from typing import Final, Protocol

READABLE: Final = select.POLLIN
WRITABLE: Final = select.POLLOUT
BROKEN: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL  # told whether asked for or not


class Poller(Protocol):
    """As `select.epoll` has it; one thread's."""

    def register(self, descriptor: int, events: int, /) -> None:
        """Watch a descriptor."""

    def modify(self, descriptor: int, events: int, /) -> None:
        """Watch it for something else."""

    def unregister(self, descriptor: int, /) -> None:
        """Do not watch it any more."""

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait at most `timeout` seconds (None: for ever); return the ready (descriptor, events), level-triggered."""

    def close(self) -> None:
        """Free it."""


class PlainPoller:
    """`poll` for systems without epoll: right, and slower with many connections."""

    def __init__(self) -> None:
        self._poll = select.poll()

    def register(self, descriptor: int, events: int, /) -> None:
        """Watch a descriptor."""
        self._poll.register(descriptor, events)

    def modify(self, descriptor: int, events: int, /) -> None:
        """Watch it for something else."""
        self._poll.modify(descriptor, events)

    def unregister(self, descriptor: int, /) -> None:
        """Do not watch it any more."""
        self._poll.unregister(descriptor)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait at most `timeout` seconds (None: for ever) and return the ready (descriptor, events)."""
        return self._poll.poll(None if timeout is None else timeout * 1000)

    def close(self) -> None:
        """There is nothing to free."""


make_poller: Final[Callable[[], Poller]] = getattr(select, "epoll", PlainPoller)
"""A poller for one thread; the events of epoll and of poll are the same numbers."""
