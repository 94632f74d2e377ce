"""The connections of one I/O thread: how they are found, what they are polled for, and which of them are lost."""

from secure_chat.server.connection import Connection
from secure_chat.server.deadlines import TICK_SECONDS, DeadlineWheel
from secure_chat.server.poller import READABLE, WRITABLE, Poller


class Connections:
    """Every connection is here from its acceptance until it is buried. One thread's."""

    __slots__ = ("_poller", "by_account", "by_descriptor", "by_serial", "lost", "wheel")

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self.by_descriptor: dict[int, Connection] = {}
        self.by_serial: dict[int, Connection] = {}
        self.by_account: dict[int, tuple[Connection, ...]] = {}
        self.lost: list[tuple[Connection, str]] = []  # to be buried at the end of the step, and why
        self.wheel = DeadlineWheel()

    def add(self, connection: Connection) -> None:
        """A new one; it is read from now on."""
        self.by_descriptor[connection.descriptor] = connection
        self.by_serial[connection.serial] = connection
        connection.interest = READABLE
        self._poller.register(connection.descriptor, READABLE)

    def remove(self, connection: Connection) -> None:
        """Forget it, before its descriptor is closed."""
        del self.by_descriptor[connection.descriptor]
        del self.by_serial[connection.serial]
        self._poller.unregister(connection.descriptor)
        if connection.session is not None:
            account = connection.session.account
            others = tuple(other for other in self.by_account.get(account, ()) if other is not connection)
            if others:
                self.by_account[account] = others
            else:
                self.by_account.pop(account, None)

    def enter_account(self, connection: Connection, account: int) -> None:
        """It speaks for this account from now on."""
        self.by_account[account] = (*self.by_account.get(account, ()), connection)

    def lose(self, connection: Connection, reason: str) -> None:
        """It is over: nothing is read, written or delivered any more. May be said in the middle of any step."""
        if not connection.gone:
            connection.gone = True
            self.lost.append((connection, reason))

    def read(self, connection: Connection, wanted: bool) -> None:
        """Poll it for input, or not: then TCP makes its peer wait."""
        self._poll_for(connection, connection.interest | READABLE if wanted else connection.interest & ~READABLE)

    def write(self, connection: Connection, wanted: bool) -> None:
        """Poll it for room to write, or not."""
        self._poll_for(connection, connection.interest | WRITABLE if wanted else connection.interest & ~WRITABLE)

    def watch(self, connection: Connection, at: float) -> None:
        """Look at its deadlines at `at` (seconds, monotonic) or before."""
        if not connection.scheduled or at < (connection.scheduled - 1) * TICK_SECONDS:
            connection.scheduled = self.wheel.add(connection.serial, at)

    def _poll_for(self, connection: Connection, interest: int) -> None:
        if interest != connection.interest and not connection.gone:
            connection.interest = interest
            self._poller.modify(connection.descriptor, interest)
