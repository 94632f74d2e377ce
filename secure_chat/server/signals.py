"""Signals as bytes on a descriptor: nothing but a number is handled where a signal happens to interrupt."""

import os
import signal
from types import FrameType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """Within a `with` block on the main thread, the signals of a service come out of `take`."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before: list[tuple[signal.Signals, object]] = []
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = [(number, signal.signal(number, _noted)) for number in _SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler if callable(handler) or isinstance(handler, int) else signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._read

    def take(self) -> list[signal.Signals]:
        """Those that have come since the last look."""
        try:
            data = os.read(self._read, 256)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in data if number in _SIGNALS]


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The number is on the descriptor already; without a handler the default would end the process."""
