"""Whether loops that have work still turn; who does not is written down, and after long silence the process ends."""

import faulthandler
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from secure_chat.limits import (
    SILENT_LOOP_SECONDS,
    STACKS_EVERY_SECONDS,
    STUCK_JOURNAL_SECONDS,
    STUCK_LOOP_SECONDS,
    WATCH_SECONDS,
)

logger: Final = logging.getLogger(__name__)


class Heartbeat:
    """Written by one loop, read by the watchdog: a single number and a single truth value, each replaced whole."""

    __slots__ = ("busy", "count")

    def __init__(self) -> None:
        self.count = 0
        self.busy = False

    def turns(self) -> None:
        """A turn begins."""
        self.count += 1
        self.busy = True

    def rests(self) -> None:
        """The turn is over; the loop waits for something to do."""
        self.busy = False


class HasWork(Protocol):
    """An inbox, as far as the watchdog is concerned."""

    @property
    def waits(self) -> bool:
        """Whether something waits to be taken."""


class WatchedLoop:
    """One loop and what the watchdog has seen of it."""

    __slots__ = ("fatal_after", "heartbeat", "inbox", "name", "seen_at", "seen_count", "stuck_after")

    def __init__(
        self, name: str, heartbeat: Heartbeat, inbox: HasWork, stuck_after: float, fatal_after: float | None
    ) -> None:
        self.name = name
        self.heartbeat = heartbeat
        self.inbox = inbox
        self.stuck_after = stuck_after  # seconds without a turn although there is work
        self.fatal_after = fatal_after  # the same, after which the process must end; None: never
        self.seen_count = 0
        self.seen_at = 0.0


def watched_io_loop(name: str, heartbeat: Heartbeat, inbox: HasWork) -> WatchedLoop:
    """An I/O thread: a second is long, half a minute the end."""
    return WatchedLoop(name, heartbeat, inbox, STUCK_LOOP_SECONDS, SILENT_LOOP_SECONDS)


def watched_journal(heartbeat: Heartbeat, inbox: HasWork) -> WatchedLoop:
    """The journal waits for the disk, which may take its time."""
    return WatchedLoop("journal", heartbeat, inbox, STUCK_JOURNAL_SECONDS, None)


class Watchdog:
    """Looks at loops every `WATCH_SECONDS`. When it comes late itself, the machine is slow and nobody is to blame."""

    def __init__(
        self,
        loops: Sequence[WatchedLoop],
        now: float,
        write_stacks: Callable[[], None] | None = None,
    ) -> None:
        self._loops = loops
        self._write_stacks = _write_stacks if write_stacks is None else write_stacks
        self._looked_at = now
        self._stacks_at = now - STACKS_EVERY_SECONDS
        for loop in loops:
            loop.seen_at = now

    def look(self, now: float) -> str | None:
        """One look; returns why the process must end, or None."""
        late = now - self._looked_at > 2 * WATCH_SECONDS
        self._looked_at = now
        for loop in self._loops:
            count = loop.heartbeat.count
            rests = not loop.heartbeat.busy and not loop.inbox.waits
            if late or rests or count != loop.seen_count:
                loop.seen_count, loop.seen_at = count, now
                continue
            silent = now - loop.seen_at
            if loop.fatal_after is not None and silent >= loop.fatal_after:
                self._write_stacks()
                return f"the loop of {loop.name} has work and has not turned for {silent:.0f} s"
            if silent >= loop.stuck_after and now - self._stacks_at >= STACKS_EVERY_SECONDS:
                self._stacks_at = now
                logger.error("the loop of %s has work and has not turned for %.1f s", loop.name, silent)
                self._write_stacks()
        return None


def _write_stacks() -> None:
    print(f"stacks of all threads, {time.strftime('%Y-%m-%d %H:%M:%S')}:", file=sys.stderr)
    faulthandler.dump_traceback(sys.stderr, all_threads=True)
