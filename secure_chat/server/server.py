"""The server as a whole: makes its threads, watches over them, and stops them in order."""

import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from secure_chat import limits
from secure_chat.server.acceptor import Acceptor, listen
from secure_chat.server.inbox import Inbox
from secure_chat.server.io_thread import IoConfiguration, IoThread
from secure_chat.server.items import (
    Administration,
    Answer,
    AskSessions,
    Died,
    Finished,
    Reload,
    SayGoodbye,
    Stop,
    StopReading,
    StorageLost,
    SupervisorItem,
)
from secure_chat.server.journal import Journal
from secure_chat.server.journal_inbox import JournalInbox
from secure_chat.server.poller import READABLE, make_poller
from secure_chat.server.service_manager import notify
from secure_chat.server.services import AnswerSink, IoItem, Live, Presence, Services, Store, Worker
from secure_chat.server.signals import Signals
from secure_chat.server.supervised import SupervisedThread
from secure_chat.server.watchdog import Heartbeat, Watchdog, watched_io_loop, watched_journal

logger: Final = logging.getLogger(__name__)

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1

MakeServices = Callable[[AnswerSink, Inbox[SupervisorItem]], Services]


@dataclass(frozen=True, slots=True)
class ServerConfiguration:
    """What only a new start can change."""

    host: str = limits.DEFAULT_LISTEN_HOST
    port: int = limits.DEFAULT_PORT
    io: IoConfiguration = field(default_factory=IoConfiguration)


class _Answers:
    """Where the pool and the reader put what they have found."""

    def __init__(self, inboxes: Sequence[Inbox[IoItem]]) -> None:
        self._inboxes = inboxes

    def answer(self, io_thread: int, answer: Answer) -> None:
        """To the I/O thread that owns the connection."""
        self._inboxes[io_thread].put(answer)


class Server:
    """Everything between the listeners and the disk. The constructor listens; `run` or `start` begins to serve."""

    def __init__(
        self,
        configuration: ServerConfiguration,
        live: Live,
        store: Store,
        presence: Presence,
        make_services: MakeServices,
        *,
        reload_hook: Callable[[], None] | None = None,
        end_at_once: Callable[[int], object] = os._exit,
    ) -> None:
        """`reload_hook`: what SIGHUP asks for, called by the supervisor. `end_at_once`: how the process ends when its
        threads cannot be waited for.

        Raises `AddressInUse`, `AddressUnusable`.
        """
        listeners = listen(configuration.host, configuration.port)
        self.address: tuple[str, int] = (configuration.host, listeners[0].getsockname()[1])
        self.io_threads = configuration.io.io_threads
        self.reload_hook = reload_hook
        self._end_at_once = end_at_once
        self._supervisor: Inbox[SupervisorItem] = Inbox()
        self._poller = make_poller()
        self._poller.register(self._supervisor.fileno(), READABLE)
        self._stop_accepting: Inbox[None] = Inbox()
        self._io_inboxes: list[Inbox[IoItem]] = [Inbox() for _ in range(self.io_threads)]
        self._journal_inbox = JournalInbox(self.io_threads)
        services = make_services(_Answers(self._io_inboxes), self._supervisor)
        self._workers: list[Worker] = [services.pool, services.reader]
        self._signals: Signals | None = None
        self._finished: set[tuple[str, str]] = set()
        self._dead: set[str] = set()
        self._exit_code = EXIT_OK
        self._stopping = False
        self._read_only_until: float | None = None

        heartbeats = [Heartbeat() for _ in range(self.io_threads)]
        journal_heartbeat = Heartbeat()
        io_threads = [
            IoThread(
                number,
                configuration.io,
                live,
                services,
                self._io_inboxes[number],
                self._journal_inbox,
                self._supervisor,
                heartbeats[number],
            )
            for number in range(self.io_threads)
        ]
        journal = Journal(self._journal_inbox, store, presence, self._io_inboxes, self._supervisor, journal_heartbeat)
        acceptor = Acceptor(listeners, self._io_inboxes, self._stop_accepting, self._supervisor)
        self._io_names = [thread.name for thread in io_threads]
        self._threads = [
            SupervisedThread("journal", journal.run, self._supervisor),
            *(SupervisedThread(thread.name, thread.run, self._supervisor) for thread in io_threads),
            SupervisedThread("acceptor", acceptor.run, self._supervisor),
        ]
        self._watchdog = Watchdog(
            [
                watched_journal(journal_heartbeat, self._journal_inbox),
                *(
                    watched_io_loop(name, heartbeat, inbox)
                    for name, heartbeat, inbox in zip(self._io_names, heartbeats, self._io_inboxes, strict=True)
                ),
            ],
            time.monotonic(),
        )
        self._supervising: threading.Thread | None = None

    # --- what other threads may ask ----------------------------------------------------------------

    def administer(self, administration: Administration) -> None:
        """An operator's entry, decided before all others."""
        self._journal_inbox.administer(administration)

    def ask_sessions(self, question: AskSessions) -> None:
        """Every I/O thread answers for itself."""
        for inbox in self._io_inboxes:
            inbox.put(question)

    def reload(self, live: Live) -> None:
        """Swap certificate, rates and handlers, as a whole; who is connected keeps the certificate he saw."""
        for inbox in self._io_inboxes:
            inbox.put(live)

    def stop(self, reason: str) -> None:
        """Stop in order; asked a second time, at once."""
        self._supervisor.put(Stop(reason))

    def add_worker(self, worker: Worker) -> None:
        """A further thread that begins and ends with the server: the administration socket. Before `run`."""
        self._workers.append(worker)

    # --- running -----------------------------------------------------------------------------------

    def run(self, tell_ready: Callable[[str, int], None] | None = None) -> int:
        """Serve until a signal says otherwise; returns the exit code. On the main thread of a process of its own.

        `tell_ready`: says on standard output that the server is ready, given host and port; by default in one line.
        """
        sys.setswitchinterval(limits.THREAD_SWITCH_SECONDS)
        _raise_descriptor_limit()
        with Signals() as self._signals:
            self._poller.register(self._signals.fileno(), READABLE)
            self._begin()
            gc.collect()
            gc.freeze()  # what lives as long as the process need not be looked at again and again
            (tell_ready or print_ready)(*self.address)
            notify("READY=1")
            self._supervise()
        return self._exit_code

    def start(self) -> None:
        """Serve in this process, beside whatever else it does; `join` waits for the end."""
        self._begin()
        self._supervising = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._supervising.start()

    def join(self, timeout: float | None = None) -> int:
        """Wait for the end after `start`; returns the exit code. Raises `TimeoutError`."""
        if self._supervising is not None:
            self._supervising.join(timeout)
            if self._supervising.is_alive():
                raise TimeoutError("the server has not stopped")
        return self._exit_code

    def _begin(self) -> None:
        for thread in self._threads[:-1]:
            thread.start()
        for worker in self._workers:
            worker.start()
        self._threads[-1].start()  # the acceptor last: everything behind it is there

    # --- supervising -------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._stopping:
            self._look(limits.WATCH_SECONDS)
            now = time.monotonic()
            fatal = self._watchdog.look(now)
            if fatal is not None:
                self._say(fatal)
                self._exit_code = EXIT_FAILED
                self._end_at_once(EXIT_FAILED)
                return
            if self._read_only_until is not None and now >= self._read_only_until:
                self._stopping = True
        self._stop_in_order()

    def _look(self, seconds: float) -> None:
        """Wait for signals and items, at most so long, and deal with them."""
        self._poller.poll(seconds)
        if self._signals is not None:
            for number in self._signals.take():
                self._supervisor.put(Reload() if number == signal.SIGHUP else Stop(number.name))
        for item in self._supervisor.take():
            self._deal_with(item)

    def _deal_with(self, item: SupervisorItem) -> None:
        match item:
            case Finished(thread, step):
                self._finished.add((thread, step))
            case Died(thread, report):
                self._say(f"the thread {thread} has died:\n{report}")
                self._dead.add(thread)
                self._exit_code = EXIT_FAILED
                self._stopping = True
            case StorageLost():
                self._exit_code = EXIT_FAILED
                self._read_only_until = time.monotonic() + limits.READ_ONLY_SECONDS
            case Stop(reason):
                if self._stopping:
                    logger.warning("stopping at once: %s", reason)
                    self._end_at_once(EXIT_FAILED)
                logger.info("stopping: %s", reason)
                self._stopping = True
            case Reload():
                if self.reload_hook is not None:
                    self.reload_hook()

    def _say(self, sentence: str) -> None:
        logger.critical("%s", sentence)
        print(f"secure-chat-server: {sentence}", file=sys.stderr, flush=True)

    # --- stopping ----------------------------------------------------------------------------------

    def _stop_in_order(self) -> None:
        """Nothing new, then everything decided, then everybody told, then the database closed."""
        notify("STOPPING=1")
        self._stop_accepting.put(None)
        self._await("acceptor", "ended", limits.STOP_THREAD_SECONDS)
        self._tell_io(StopReading())
        for name in self._io_names:
            self._await(name, "reading stopped", limits.STOP_THREAD_SECONDS)
        for worker in self._workers:
            worker.stop()
        self._journal_inbox.finish()
        self._await("journal", "emptied", limits.STOP_JOURNAL_SECONDS)
        self._tell_io(SayGoodbye(limits.STOP_RETRY_AFTER_SECONDS, limits.STOP_FLUSH_SECONDS))
        for name in self._io_names:
            self._await(name, "ended", limits.STOP_FLUSH_SECONDS + limits.STOP_THREAD_SECONDS)
        self._journal_inbox.finish()  # who has left, and when
        self._finished.discard(("journal", "emptied"))
        self._await("journal", "emptied", limits.STOP_JOURNAL_SECONDS)
        self._journal_inbox.stop()
        self._await("journal", "closed", limits.STOP_THREAD_SECONDS)
        self._end_threads()

    def _tell_io(self, item: StopReading | SayGoodbye) -> None:
        for inbox in self._io_inboxes:
            inbox.put(item)

    def _await(self, thread: str, step: str, seconds: float) -> None:
        """Wait for a step of a thread that lives; who does not come in time is not waited for any longer."""
        until = time.monotonic() + seconds
        while (thread, step) not in self._finished and thread not in self._dead:
            left = until - time.monotonic()
            if left <= 0:
                logger.error("the thread %s has not %s in time", thread, step)
                return
            self._look(left)

    def _end_threads(self) -> None:
        until = time.monotonic() + limits.STOP_THREAD_SECONDS
        for thread in self._threads:  # first, for they put things into the workers' inboxes
            thread.join(max(0.0, until - time.monotonic()))
        ended = [worker.join(max(0.0, until - time.monotonic())) for worker in self._workers]
        if not all(ended) or any(thread.is_alive() for thread in self._threads):
            self._say("some threads have not ended")
            self._exit_code = EXIT_FAILED
            self._end_at_once(EXIT_FAILED)
            return
        for inbox in self._io_inboxes:
            inbox.close()
        self._stop_accepting.close()
        self._supervisor.close()
        self._poller.close()


def print_ready(host: str, port: int) -> None:
    """The line by which scripts and service managers know that the server serves."""
    shown = f"[{host}]" if ":" in host else host
    print(f"secure-chat-server ready {shown}:{port} pid={os.getpid()}", flush=True)


def _raise_descriptor_limit() -> None:
    """As many connections as the system allows this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            logger.warning("the limit of open descriptors stays at %d", soft)
