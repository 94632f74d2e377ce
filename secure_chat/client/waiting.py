"""Waiting for a socket, for another thread or for time to pass, whichever comes first; one thread waits."""

import selectors
import socket
import time
from collections.abc import Callable
from typing import Final, Self

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

_READ_AT_ONCE: Final = 4096  # wake-ups merge; this many bytes are more than ever wait


def _nothing() -> None:
    return


class Waiter:
    """The one place where a network thread stands still. Any thread may `wake` it; only its owner waits and closes."""

    def __init__(self, *, on_wake: Callable[[], None] = _nothing, clock: Callable[[], float] = time.monotonic) -> None:
        """`on_wake` runs in the waiting thread after each wake-up, and may raise to end what it was waiting for."""
        self.clock = clock
        self._on_wake = on_wake
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._selector.register(self._reader, selectors.EVENT_READ)

    def wake(self) -> None:
        """End the present wait, or the next one at once."""
        try:
            self._writer.send(b"\0")
        except (BlockingIOError, ConnectionError, OSError):
            return  # enough wake-ups wait already, or nobody waits any more

    def wait(self, until: float, sock: socket.socket | None = None, events: int = READ) -> bool:
        """Stand still until `sock` is ready for `events`, a wake-up comes, or the clock says `until`.

        Returns whether it was the socket; a wake-up that is there as well is served, too.
        """
        if sock is not None:
            self._selector.register(sock, events)
        try:
            ready = self._selector.select(max(0.0, until - self.clock()))
        finally:
            if sock is not None:
                self._selector.unregister(sock)
        sources = {key.fileobj for key, _ in ready}
        if self._reader in sources:
            self._drain()
            self._on_wake()
        return sock is not None and sock in sources

    def close(self) -> None:
        """Let go of the descriptors."""
        self._selector.close()
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _drain(self) -> None:
        # Read first, look at what woke us afterwards: what comes in between wakes us again.
        try:
            while self._reader.recv(_READ_AT_ONCE):
                pass
        except BlockingIOError:
            return
