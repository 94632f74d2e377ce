"""What is said about the connection: connected, offline and why, the countdown, back again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from secure_chat.client.events import Connected, Countdown, Disconnected, ServerStopping
from secure_chat.client.line.error_words import error_line
from secure_chat.client.line.lines import Line, notice, warning
from secure_chat.client.line.times import LocalTimes
from secure_chat.errors import ChatError, ConnectionLost
from secure_chat.sanitize import one_line


def _lines_wait(count: int) -> str:
    return "1 line waits" if count == 1 else f"{count} lines wait"


@dataclass(slots=True)
class ConnectionState:
    """How things stand between this program and the server. `now_ms`: milliseconds since 1970 UTC."""

    times: LocalTimes
    now_ms: Callable[[], int]
    is_online: bool = False
    has_been_online: bool = False
    _countdown: int | None = None  # seconds until the next attempt
    _offline_since: int | None = None
    _told: set[str] = field(default_factory=set)  # codes of the errors of this absence
    _attempts: int = 0
    _has_stopped: bool = False  # the server has said that it stops: no wonder that the connection ends

    # --- the prompt ------------------------------------------------------------------------------

    def prompt_note(self, waiting: int) -> str:
        """What stands at the prompt beside the room's name; nothing while all is well."""
        if self.is_online:
            return ""
        state = "offline" if self._attempts else "connecting"
        return f" ({', '.join([state, *self._next_try(), *([_lines_wait(waiting)] if waiting else [])])})"

    def offline_words(self) -> str:
        """For `/status`."""
        since = f" since {self.offline_since()}" if self._offline_since is not None else ""
        return ", ".join([f"offline{since}" if self._attempts else "connecting", *self._next_try()])

    def _next_try(self) -> list[str]:
        return [] if self._countdown is None else [f"next try in {self._countdown} s"]

    # --- what happens ----------------------------------------------------------------------------

    def connecting(self) -> None:
        """An attempt begins."""
        self._countdown = None

    def counted(self, event: Countdown) -> None:
        """A second has passed."""
        self._countdown = event.seconds

    def connected(self, event: Connected, waiting: int) -> list[Line]:
        """There is a connection."""
        server = one_line(event.server)
        if not self.has_been_online:
            lines = [notice(f"connected to {server}, TLS 1.3, certificate as invited")]
        else:
            going = f"; {waiting} waiting {'line goes' if waiting == 1 else 'lines go'} out now" if waiting else ""
            lines = [notice(f"back: connected to {server} again{self._after()}{going}")]
        self.is_online = self.has_been_online = True
        self._has_stopped = False
        self._countdown, self._offline_since, self._attempts = None, None, 0
        self._told.clear()
        return lines

    def disconnected(self, event: Disconnected) -> list[Line]:
        """There is none, and why. A reason that was said is said again at the 2nd, 4th, 8th... attempt only."""
        self.is_online = False
        self._attempts += 1
        self._countdown = None if event.retry_in is None else max(0, round(event.retry_in))
        if self._offline_since is None:
            self._offline_since = self.now_ms()
        if self._has_stopped and isinstance(event.error, ConnectionLost):
            self._has_stopped = False
            return [self._stopped_line(event.error, event.retry_in)]
        if event.error.code in self._told and self._attempts & (self._attempts - 1):
            return []
        return [self._offline_line(event.error, event.retry_in)]

    def stopping(self, event: ServerStopping) -> list[Line]:
        """The server has said goodbye."""
        self._has_stopped = True
        return [warning(one_line(event.sentence) or "The server is stopping.")]

    def offline_since(self) -> str:
        """When the connection was lost; empty while there is one, or has been none."""
        return "" if self._offline_since is None else self.times.since(self._offline_since, self.now_ms())

    def _stopped_line(self, error: ChatError, retry_in: float | None) -> Line:
        """Nothing is wrong here: no question whether this machine is online."""
        then = "" if retry_in is None else f", trying again in {max(1, round(retry_in))} s"
        return warning(
            f"The server has stopped. You are offline since {self.offline_since()}{then}. [{one_line(error.code)}]"
        )

    def _offline_line(self, error: ChatError, retry_in: float | None) -> Line:
        is_new = error.code not in self._told
        self._told.add(error.code)
        then = "" if retry_in is None else f", trying again in {max(1, round(retry_in))} s"
        if is_new:
            return error_line(error, f"You are offline since {self.offline_since()}{then}.")
        return warning(f"still offline since {self.offline_since()}{then}. [{one_line(error.code)}]")

    def _after(self) -> str:
        if self._offline_since is None:
            return ""
        seconds = max(0, self.now_ms() - self._offline_since) // 1000
        if seconds < 120:
            return f" after {seconds} s"
        return f" after {seconds // 60} min" if seconds < 7200 else f" after {seconds // 3600} h"
