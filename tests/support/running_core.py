"""The I/O core running in this process on loopback, over the real database, with limits that a test may lower."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.store import load_server_identity
from secure_chat.errors import Busy
from secure_chat.limits import BCRYPT_COST_FLOOR
from secure_chat.protocol.states import Role
from secure_chat.server.handlers.dispatch import Dispatcher
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.inbox import Inbox
from secure_chat.server.io_thread import IoConfiguration
from secure_chat.server.items import AuthenticationRequest, Origin, SupervisorItem, TlsIdentity
from secure_chat.server.presence import PresenceTable
from secure_chat.server.presence_service import PresenceService
from secure_chat.server.reader import ReaderThread
from secure_chat.server.server import Server, ServerConfiguration
from secure_chat.server.services import AnswerSink, Handler, Live, Services, Store
from secure_chat.server.settings.model import Rates
from secure_chat.storage.reader import StoreReader
from secure_chat.storage.store import Store as DatabaseStore
from tests.support.installation import HOST, Installation
from tests.support.people import TestPerson
from tests.support.wire_client import PATIENCE_SECONDS, WireClient

UNLIMITED = Rates(
    posts_per_second=1e6,
    posts_burst=10**6,
    joins_per_second=1e6,
    joins_burst=10**6,
    reads_per_second=1e6,
    reads_burst=10**6,
)


class NoPool:
    """Nobody logs in by passphrase here: a pool that is always full."""

    def submit(self, origin: Origin, request: AuthenticationRequest, address: str) -> None:
        raise Busy(f"{address} asks {type(request).__name__} from {origin}")

    def forget(self, origin: Origin) -> None:
        """Nothing waits."""
        del origin

    def start(self) -> None:
        """There is no thread."""

    def stop(self) -> None:
        """There is no thread."""

    def join(self, timeout: float) -> bool:
        """There is no thread."""
        return timeout >= 0


@dataclass(slots=True)
class CoreOptions:
    """What a test wants to be otherwise."""

    io: IoConfiguration = field(default_factory=IoConfiguration)
    rates: Rates = UNLIMITED
    wrap_store: Callable[[Store], Store] = lambda store: store
    wrap_handler: Callable[[Handler], Handler] = lambda handler: handler
    grace: float = 0.0  # of presence


class RunningCore:
    """A server in this process; `stop` is called at the end of the `with` block. `ended_at_once`: with which codes."""

    def __init__(self, installation: Installation, options: CoreOptions) -> None:
        self.installation = installation
        self.ended_at_once: list[int] = []
        self.reloads = 0
        store = DatabaseStore.open(installation.data, now_ms=int(time.time() * 1000))
        try:
            presence = PresenceService(PresenceTable(grace=options.grace), self._publish)
            self._online: Inbox[frozenset[int]] = Inbox()
            configuration = ServerConfiguration(HOST, 0, options.io)
            self.server = Server(
                configuration,
                self.live(options),
                options.wrap_store(store),
                presence,
                self._make_services,
                reload_hook=self._reload,
                end_at_once=self.ended_at_once.append,
            )
        except BaseException:
            store.close()
            raise
        self.server.start()
        self.exit_code: int | None = None

    def live(self, options: CoreOptions) -> Live:
        """As a start or a reload makes it."""
        certificates = self.installation.certificates
        identity = load_server_identity(certificates.server_certificate, certificates.log_key)
        tls = TlsIdentity(
            server_context(certificates.server_certificate, certificates.server_key),
            identity.leaf_hash,
            identity.log_public_key,
        )
        handler = options.wrap_handler(Dispatcher(ServerFacts(identity.server_id, "invite", BCRYPT_COST_FLOOR)))
        return Live(tls, "invite", options.rates, handler)

    def _make_services(self, sink: AnswerSink, supervisor: Inbox[SupervisorItem]) -> Services:
        reader = ReaderThread(lambda: StoreReader(self.installation.data), self._online, sink, supervisor)
        return Services(NoPool(), reader)

    def _publish(self, online: frozenset[int]) -> None:
        self._online.put(online)

    def _reload(self) -> None:
        self.reloads += 1

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.address[1]

    def connect(self) -> WireClient:
        """A connection that has seen hello."""
        return self.installation.connect(port=self.port)

    def connect_as(self, name: str) -> WireClient:
        """A connection of a seeded person, logged in by the resume token."""
        return self.installation.connect_as(name, port=self.port)

    def stop(self) -> int:
        """Stop in order; returns the exit code."""
        if self.exit_code is None:
            self.server.stop("the test is over")
            self.exit_code = self.server.join(PATIENCE_SECONDS)
            self._online.close()
        return self.exit_code

    def wait(self) -> int:
        """Wait until it has stopped by itself."""
        self.exit_code = self.server.join(PATIENCE_SECONDS)
        self._online.close()
        return self.exit_code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def with_durations(io: IoConfiguration, **seconds: float) -> IoConfiguration:
    """The same with some deadlines shorter."""
    return replace(io, durations=replace(io.durations, **seconds))


@contextmanager
def connected(core: RunningCore, names: Sequence[str]) -> Iterator[list[WireClient]]:
    """Seeded people, logged in; dropped at the end."""
    clients: list[WireClient] = []
    try:
        clients.extend(core.connect_as(name) for name in names)
        yield clients
    finally:
        for client in clients:
            client.close()


def seeded(
    directory: Path, names: Sequence[str], rooms: Sequence[str], *, administrators: Sequence[str] = ()
) -> Installation:
    """An installation in which `names` are members of `rooms`; so are `administrators`."""
    installation = Installation(directory)
    installation.seed(names, rooms)
    if administrators:
        installation.seed(administrators, rooms, role=Role.ADMINISTRATOR)
    return installation


People = dict[str, TestPerson]
