"""What one thread hands to another: an inbox with a lock and a wake-up that is never lost."""

import os
import threading
from contextlib import AbstractContextManager
from typing import Final, Generic, Protocol, TypeVar

Item = TypeVar("Item")


class WakeUp(Protocol):
    """A descriptor that is readable from the first `ring` until `silence`."""

    def fileno(self) -> int:
        """The descriptor to poll."""

    def ring(self) -> None:
        """Make it readable; never blocks, may be called from any thread."""

    def silence(self) -> None:
        """Make it unreadable; only the consumer calls this."""

    def close(self) -> None:
        """Free the descriptor."""


class Descriptor:
    """A wake-up by a pipe that is never filled: an event counter where the system has one."""

    __slots__ = ("_read", "_write")

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self._read = self._write = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._read

    def ring(self) -> None:
        """Make it readable; never blocks, may be called from any thread."""
        try:
            os.write(self._write, _ONE)
        except BlockingIOError:
            return  # full, and so readable

    def silence(self) -> None:
        """Make it unreadable; only the consumer calls this."""
        try:
            os.read(self._read, _MANY)
        except BlockingIOError:
            return  # nobody has rung

    def close(self) -> None:
        """Free the descriptor. Nobody may ring any more."""
        os.close(self._read)
        if self._write != self._read:
            os.close(self._write)


_ONE: Final = (1).to_bytes(8, "little")  # what eventfd counts; a pipe takes any bytes
_MANY: Final = 4096


class Inbox(Generic[Item]):
    """Items from any thread for one consumer, in the order of each producer.

    The rule that no wake-up is lost: a producer publishes, then sets the flag, then rings if the flag was clear. The
    consumer silences the bell, clears the flag, and only then takes one snapshot; what arrives later belongs to the
    next one, for which the bell rings again.
    """

    __slots__ = ("_abandoned", "_bell", "_closed", "_flagged", "_items", "_lock", "_ringing")

    def __init__(self, bell: WakeUp | None = None, lock: AbstractContextManager[object] | None = None) -> None:
        """With a bell and a lock of a simulation, every order of steps can be gone through."""
        # tier 2: one consumer's items and flag
        self._lock: AbstractContextManager[object] = threading.Lock() if lock is None else lock
        self._bell: WakeUp = Descriptor() if bell is None else bell
        self._items: list[Item] = []
        self._flagged = False
        self._abandoned = False
        self._closed = False
        self._ringing = 0  # producers on their way from the lock to the bell: its descriptor must not be freed before

    def fileno(self) -> int:
        """Readable while there may be items."""
        return self._bell.fileno()

    def put(self, item: Item) -> int:
        """Publish; returns how many items wait. What is put into an abandoned inbox is dropped."""
        with self._lock:
            if self._abandoned:
                return 0
            self._items.append(item)
            waiting = len(self._items)
            flagged, self._flagged = self._flagged, True
            if not flagged:
                self._ringing += 1
        if not flagged:
            self._ring()
        return waiting

    def take(self) -> list[Item]:
        """One snapshot of what has arrived, perhaps nothing. Only the consumer calls this."""
        self._bell.silence()
        self._clear()
        return self._snapshot()

    @property
    def waits(self) -> bool:
        """Whether something has been published since the last snapshot."""
        with self._lock:
            return bool(self._items)

    def abandon(self) -> list[Item]:
        """The consumer goes: nothing is taken any more. Returns what was left."""
        with self._lock:
            self._abandoned = True
        return self._snapshot()

    def close(self) -> None:
        """Abandon it and free the descriptor, as soon as nobody is about to ring it. May be repeated."""
        with self._lock:
            is_last = not self._closed and not self._ringing
            self._closed = self._abandoned = True
        if is_last:
            self._bell.close()

    def _ring(self) -> None:
        self._bell.ring()
        with self._lock:
            self._ringing -= 1
            is_last = self._closed and not self._ringing
        if is_last:
            self._bell.close()

    def _clear(self) -> None:
        with self._lock:
            self._flagged = False

    def _snapshot(self) -> list[Item]:
        with self._lock:
            items, self._items = self._items, []
        return items
