"""The two ways between a screen's threads and the network thread: calls in, events out."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

from secure_chat.client.events import Event, Stopped
from secure_chat.limits import MAX_WAITING_EVENTS, RESUMED_WAITING_EVENTS

Call: TypeAlias = Callable[[], None]


class Calls:
    """What other threads want done by the network thread, in order."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()  # tier 1: the calls of one client
        self._calls: list[Call] = []

    def put(self, call: Call) -> None:
        """Have `call` run by the network thread; from any thread."""
        with self._lock:
            self._calls.append(call)
        self._wake()

    def take(self) -> list[Call]:
        """All calls that are there."""
        with self._lock:
            calls, self._calls = self._calls, []
        return calls


class EventQueue:
    """What the network thread tells, in order; one thread takes, and the last thing taken is `Stopped`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._wake = wake
        self.notify: Callable[[], None] | None = None
        """Called after each event, by the network thread; it must return at once."""

    @property
    def is_full(self) -> bool:
        """Whether nobody takes what is told."""
        return self._queue.qsize() >= MAX_WAITING_EVENTS

    @property
    def has_room(self) -> bool:
        """Whether enough was taken to go on."""
        return self._queue.qsize() <= RESUMED_WAITING_EVENTS

    def put(self, event: Event) -> None:
        """Tell."""
        self._queue.put(event)
        notify = self.notify
        if notify is not None:
            notify()

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; None when there is none within `timeout` seconds."""
        try:
            event = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if self._queue.qsize() == RESUMED_WAITING_EVENTS:
            self._wake()
        return event

    def take(self) -> list[Event]:
        """All events that are there, without waiting."""
        events: list[Event] = []
        while (event := self.get(timeout=0)) is not None:
            events.append(event)
        return events

    def __iter__(self) -> Iterator[Event]:
        """All events to the last, waiting for each."""
        while True:
            event = self.get()
            if event is None:
                continue
            yield event
            if isinstance(event, Stopped):
                return
