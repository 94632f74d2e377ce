"""From settings to a serving process: everything is checked, made, put together, and taken apart in order."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Protocol

from secure_chat import __version__, names, sanitize
from secure_chat.certificates.hosts import host_and_port
from secure_chat.certificates.store import ServerIdentity
from secure_chat.server.authentication_pool import AuthenticationThreads
from secure_chat.server.control import ControlThread
from secure_chat.server.inbox import Inbox
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.server.items import SupervisorItem
from secure_chat.server.live import Checked, check
from secure_chat.server.login_limits import LoginLimits
from secure_chat.server.logs import LogWriter
from secure_chat.server.operations import ServerOperations
from secure_chat.server.presence import PresenceTable
from secure_chat.server.presence_service import PresenceService
from secure_chat.server.reader import ReaderThread
from secure_chat.server.server import Server, ServerConfiguration, print_ready
from secure_chat.server.services import AnswerSink, Services
from secure_chat.server.settings.model import Settings
from secure_chat.server.settings.sources import SettingsSources
from secure_chat.storage.reader import StoreReader
from secure_chat.storage.store import Store

LOG: Final = logging.getLogger("secure_chat.server")


class Announcer(Protocol):
    """Who speaks on standard output while the server starts."""

    def listening(self, store: Store, identity: ServerIdentity, name: str, host: str, port: int) -> None:
        """The server listens and has not begun to serve: the store may still be used."""

    def ready(self, host: str, port: int) -> None:
        """The server serves."""


class ReadyLine:
    """Says nothing but the ready line."""

    def listening(self, store: Store, identity: ServerIdentity, name: str, host: str, port: int) -> None:
        """Nothing."""

    def ready(self, host: str, port: int) -> None:
        """The one line."""
        print_ready(host, port)


def serve(sources: SettingsSources, announcer: Announcer | None = None) -> int:
    """Serve in this process until a signal ends it; returns the exit code.

    Raises `ChatError` for everything that keeps it from starting.
    """
    announcer = announcer or ReadyLine()
    settings = sources.load().settings
    settings.directory.prepare()
    log = LogWriter(settings.directory.log, settings.log)
    log.collect()
    try:
        with assembled(sources, settings, log) as (server, store, checked):
            host, port = server.address
            announcer.listening(store, checked.identity, settings.name, host, port)
            LOG.info("secure-chat-server %s listens on %s", __version__, host_and_port(host, port))
            code = server.run(announcer.ready)
        LOG.info("stopped")
    finally:
        log.close()
    return code


@contextmanager
def assembled(
    sources: SettingsSources, settings: Settings, log: LogWriter | None = None
) -> Iterator[tuple[Server, Store, Checked]]:
    """A server that listens and is ready to `run` or `start`; it closes the store itself once it has served.

    The data directory is there. Raises `CertificateError`, `TlsError`, `StorageLocked` and other errors of storage,
    `AddressInUse`, `AddressUnusable`.
    """
    names.load_tables()
    sanitize.load_tables()
    checked = check(settings, datetime.now(UTC).astimezone())
    with contextlib.ExitStack() as undo:  # nothing stays behind of a server that did not come to be
        store = Store.open(settings.data, now_ms=now_ms())
        undo.callback(store.close)
        if log is not None:
            log.start()  # under the lock of the data directory: no other server writes there
        control = ControlThread(settings.directory.control_socket, _reader_of(settings))
        undo.callback(control.close)
        server = _server(sources, settings, checked, store, control, log)
        yield server, store, checked
        undo.pop_all()  # it has served: its threads have closed what they owned


def _server(
    sources: SettingsSources,
    settings: Settings,
    checked: Checked,
    store: Store,
    control: ControlThread,
    log: LogWriter | None,
) -> Server:
    limits = LoginLimits(settings.login, settings.rates)
    online: Inbox[frozenset[int]] = Inbox()
    presence = PresenceService(PresenceTable(store.member_counts(), settings.presence.grace_seconds), online.put)
    supervisors: list[Inbox[SupervisorItem]] = []

    def make_services(sink: AnswerSink, supervisor: Inbox[SupervisorItem]) -> Services:
        supervisors.append(supervisor)
        pool = AuthenticationThreads(
            _reader_of(settings), limits, sink, supervisor, threads=settings.threads.authentication
        )
        return Services(pool, ReaderThread(_reader_of(settings), online, sink, supervisor))

    def configure(new: Settings) -> None:
        limits.configure(new.login, new.rates)
        if log is not None:
            log.configure(new.log)

    server = Server(
        ServerConfiguration(
            settings.listen.host, settings.listen.port, IoConfiguration(io_threads=settings.threads.io)
        ),
        checked.live,
        store,
        presence,
        make_services,
        reload_hook=control.reload,
    )
    operations = ServerOperations(sources, checked, server, configure, now_ms())
    control.attach(server, operations, supervisors[0])
    server.add_worker(control)
    return server


def _reader_of(settings: Settings) -> Callable[[], StoreReader]:
    return lambda: StoreReader(settings.data)


def now_ms() -> int:
    """The system's clock, milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
