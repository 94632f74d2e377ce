"""The I/O core running in this process on loopback, over the real database, with limits that a test may lower."""

import threading
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
from secure_chat.protocol import commands as c
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
from secure_chat.server.services import AnswerSink, AuthenticationPool, Handler, Live, Services, Store
from secure_chat.server.settings.model import Rates
from secure_chat.storage.entries import AnyEntry
from secure_chat.storage.outcomes import Committed
from secure_chat.storage.reader import StoreReader
from secure_chat.storage.store import Store as DatabaseStore
from tests.support.installation import HOST, Installation
from tests.support.wire_client import PATIENCE_SECONDS, WireClient

UNLIMITED = Rates(
    posts_per_second=1e6,
    posts_burst=10**6,
    joins_per_second=1e6,
    joins_burst=10**6,
    directs_per_second=1e6,
    directs_burst=10**6,
    acknowledgements_per_second=1e6,
    acknowledgements_burst=10**6,
    claims_per_minute=1e6,
    claims_burst=10**6,
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
    make_pool: Callable[[AnswerSink], AuthenticationPool] = lambda _: NoPool()


class RunningCore:
    """A server in this process; `stop` is called at the end of the `with` block. `ended_at_once`: with which codes."""

    def __init__(self, installation: Installation, options: CoreOptions) -> None:
        self.installation = installation
        self._options = options
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
        return Services(self._options.make_pool(sink), reader)

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
        return self.exit_code

    def wait(self) -> int:
        """Wait until it has stopped by itself."""
        self.exit_code = self.server.join(PATIENCE_SECONDS)
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


class GatedStore:
    """Commits only while its gate is open; counts what each commit takes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.gate = threading.Event()
        self.gate.set()
        self.waits = threading.Event()  # a commit stands before the gate
        self.batches: list[int] = []

    def commit(self, batch: Sequence[AnyEntry], now_ms: int) -> Committed:
        """As the store does, once the gate is open."""
        self.waits.set()
        if not self.gate.wait(PATIENCE_SECONDS):
            raise TimeoutError("nobody has opened the gate")
        self.waits.clear()
        self.batches.append(len(batch))
        return self._store.commit(batch, now_ms)

    def probe(self) -> None:
        """As the store does."""
        self._store.probe()

    def maintain(self, now_ms: int, *, idle: bool) -> bool:
        """As the store does."""
        return self._store.maintain(now_ms, idle=idle)

    def close(self) -> None:
        """As the store does."""
        self._store.close()


@contextmanager
def gated(core: RunningCore, store: GatedStore) -> Iterator[None]:
    """The journal stands before the gate from the beginning of the block to its end."""
    with core.connect() as client:
        store.waits.clear()
        store.gate.clear()
        client.send(c.Resume(1, bytes(32), c.DeviceProof(1, bytes(64), 0)))  # refused, once it is decided
        assert store.waits.wait(PATIENCE_SECONDS)
        try:
            yield
        finally:
            store.gate.set()


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something that nobody tells of is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        pause.wait(0.005)
