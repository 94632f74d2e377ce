"""Who answers an operator: the running server through its socket, or, while it is stopped, the locked database."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

from secure_chat.certificates.pins import log_pin
from secure_chat.certificates.store import CertificateDirectory, load_server_identity
from secure_chat.errors import DataDirectoryUnusable, InternalError, PermissionDenied, ServerNotRunning, StorageLocked
from secure_chat.limits import OFFLINE_LOCK_SECONDS
from secure_chat.protocol import administration as a
from secure_chat.server.settings.control_client import ask
from secure_chat.server.settings.model import Settings
from secure_chat.server.settings.paths import DataDirectory
from secure_chat.storage.administration import entry_of, look_up, nobody_online, operator_name, reply_of
from secure_chat.storage.reader import StoreReader
from secure_chat.storage.store import Store

_BETWEEN_TRIES_SECONDS: Final = 0.1
_REQUEST: Final = 1  # each connection and each lookup answers one request


class Access(Protocol):
    """Whoever answers."""

    @property
    def description(self) -> str:
        """Who it is."""

    def ask(self, command: a.WritingCommand | a.ReadingCommand) -> a.AdministrationReply:
        """The reply. Raises the error of a refusal."""

    def address(self) -> a.Address:
        """What links to this server are made of. Raises what keeps them from being made."""


@contextlib.contextmanager
def opened(settings: Settings, say: Callable[[str], None]) -> Iterator[Access]:
    """Whoever answers for these settings' data directory, until the end of the block.

    A server that is starting or stopping, or another tool, is waited for, and `say` is told so. Raises
    `DataDirectoryUnusable` when nothing is there, `PermissionDenied`, `NoAnswer`, `StorageExposed`, `StorageLocked` and
    what else opening the database may raise.
    """
    _check_there(settings.directory)
    access = _first_that_answers(settings, say)
    try:
        yield access
    finally:
        if isinstance(access, StoppedServer):
            access.close()


def _check_there(data: DataDirectory) -> None:
    """Opening makes what is missing, and an operator who is in the wrong place must not make a second server there."""
    try:
        data.database.stat()
    except PermissionError:
        raise PermissionDenied(
            f"This user may not enter {data.path}.", hint="run it as the server's user or as root"
        ) from None
    except OSError:
        raise DataDirectoryUnusable(
            f"There is no server's database in {data.path}.",
            hint="another server is named by its settings, --config FILE; a new one is made by: "
            "secure-chat-server quickstart",
        ) from None


def _first_that_answers(settings: Settings, say: Callable[[str], None]) -> "RunningServer | StoppedServer":
    began = time.monotonic()
    has_said = False
    pause = threading.Event()  # never set: neither a lock nor a socket tells when it is its turn
    while True:
        with contextlib.suppress(ServerNotRunning):
            return RunningServer.reached(settings.directory)
        try:
            return StoppedServer.opened(settings)
        except StorageLocked:
            if time.monotonic() - began >= OFFLINE_LOCK_SECONDS:
                raise StorageLocked(
                    f"Another process works on the database in {settings.data}, and no server answers there.",
                    hint="another secure-chat-admin, or a server that starts or stops? See it: "
                    "secure-chat-server status",
                ) from None
        if not has_said:
            say(f"Another process works on the database; waiting for it, {OFFLINE_LOCK_SECONDS:.0f} seconds at most.")
            has_said = True
        pause.wait(_BETWEEN_TRIES_SECONDS)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Its control thread; it answered once already."""

    data: DataDirectory
    links: a.Address

    @classmethod
    def reached(cls, data: DataDirectory) -> "RunningServer":
        """Raises `ServerNotRunning`, `PermissionDenied`, `NoAnswer`, `Busy`."""
        reply = ask(data, a.AskAddress(_REQUEST))
        if not isinstance(reply, a.Address):
            raise InternalError
        return cls(data, reply)

    @property
    def description(self) -> str:
        """Who it is."""
        return f"the running server, through {self.data.control_socket}"

    def ask(self, command: a.WritingCommand | a.ReadingCommand) -> a.AdministrationReply:
        """The reply. Raises the error of a refusal."""
        return ask(self.data, command)

    def address(self) -> a.Address:
        """What links to this server are made of."""
        return self.links


@dataclass(frozen=True, slots=True)
class StoppedServer:
    """Its database, whose lock is held until `close`; nobody is online."""

    settings: Settings
    store: Store
    reader: StoreReader

    @classmethod
    def opened(cls, settings: Settings) -> "StoppedServer":
        """Raises `StorageLocked` while somebody else works on it."""
        store = Store.open(settings.data, now_ms=_now_ms())
        try:
            return cls(settings, store, StoreReader(settings.data))
        except BaseException:
            store.close()
            raise

    @property
    def description(self) -> str:
        """Who it is."""
        return f"the server is stopped; its database {self.settings.directory.database}"

    def ask(self, command: a.WritingCommand | a.ReadingCommand) -> a.AdministrationReply:
        """The reply. Raises the error of a refusal."""
        now_ms = _now_ms()
        if isinstance(command, a.ReadingCommand):
            return look_up(command, self.reader, nobody_online, now_ms)
        entry = entry_of(command, now_ms, operator_name(os.geteuid()))
        committed = self.store.commit([entry], now_ms)
        return reply_of(command, entry, committed.outcomes[0])

    def address(self) -> a.Address:
        """What links to this server will be made of. Raises `CertificateError` and its kinds."""
        settings = self.settings
        if settings.listen.port == 0:
            raise ServerNotRunning(
                "The server takes a free port when it starts, so no link can name it while it is stopped."
            )
        certificates = CertificateDirectory(settings.certificate_directory)
        identity = load_server_identity(certificates.server_certificate, certificates.log_key)
        return a.Address(
            _REQUEST, settings.name, settings.listen.port, identity.authority, log_pin(identity.log_public_key)
        )

    def close(self) -> None:
        """Let others have the database."""
        with closing(self.store), closing(self.reader):
            pass


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
