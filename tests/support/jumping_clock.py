"""A clock of the I/O threads that jumps: deadlines pass without a wait, and honest clients keep theirs."""

import time

from tests.support.running_core import RunningCore


class JumpingClock:
    """The clock of the I/O threads: goes on as the machine's does, and jumps when a test says so."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic() + self._ahead

    def jump(self, seconds: float) -> None:
        """So much time has passed at once; a thread that waits notices it when it wakes."""
        self._ahead += seconds


def wake(core: RunningCore) -> None:
    """Have the I/O thread turn, and look at every deadline: it welcomes a connection, and sees it go."""
    core.connect().close()
