"""Threads that compute bcrypt at the lowest priority, fair over addresses, asked only after the token buckets."""

import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

import msgspec

from secure_chat.errors import ChatError, InternalError
from secure_chat.limits import (
    AUTHENTICATION_NICENESS,
    AUTHENTICATION_RETRY_SECONDS,
    MAX_WAITING_AUTHENTICATIONS,
    MAX_WAITING_AUTHENTICATIONS_OF_NETWORK,
    MAX_WAITING_AUTHENTICATIONS_OF_ONE,
)
from secure_chat.server.authentication import Authenticator, Clocks, Finding
from secure_chat.server.authentication_requests import AnyAuthenticationRequest, CheckRegistration
from secure_chat.server.fair_queue import Bounds, FairQueue
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Answer, AuthenticationRequest, Origin, SupervisorItem
from secure_chat.server.login_limits import LoginLimits, address_network, address_prefix
from secure_chat.server.services import AnswerSink
from secure_chat.server.supervised import SupervisedThread
from secure_chat.storage.reader import StoreReader

LOG: Final = logging.getLogger("secure_chat.accounts")

SYSTEM_CLOCKS: Final = Clocks(lambda: time.time_ns() // 1_000_000, time.monotonic)
BOUNDS: Final = Bounds(
    MAX_WAITING_AUTHENTICATIONS,
    MAX_WAITING_AUTHENTICATIONS_OF_ONE,
    AUTHENTICATION_RETRY_SECONDS,
    MAX_WAITING_AUTHENTICATIONS_OF_NETWORK,
)


class Job(msgspec.Struct, frozen=True, gc=False):
    """One request and whose it is."""

    origin: Origin
    request: AnyAuthenticationRequest
    address: str


def default_threads() -> int:
    """One fewer than the cores that this process may use, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


class AuthenticationThreads:
    """The pool. `submit` and `forget` are called by I/O threads and never wait for its work."""

    def __init__(
        self,
        open_reader: Callable[[], StoreReader],
        limits: LoginLimits,
        sink: AnswerSink,
        supervisor: Inbox[SupervisorItem],
        threads: int,
        clocks: Clocks = SYSTEM_CLOCKS,
    ) -> None:
        """`open_reader`: a new read-only connection to the database, one for each thread; `threads`: 0: the default."""
        self._open_reader = open_reader
        self._limits = limits
        self._sink = sink
        self._clocks = clocks
        self._queue: FairQueue[str, Origin, Job] = FairQueue(BOUNDS)
        self._threads = [
            SupervisedThread(f"authentication-{number}", self._work, supervisor)
            for number in range(threads or default_threads())
        ]

    def start(self) -> None:
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take nothing more; what is being computed is finished, what waits is dropped."""
        self._queue.close()

    def join(self, timeout: float) -> bool:
        """Wait until the threads have ended, `timeout` seconds in all; tells whether they have."""
        end = self._clocks.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - self._clocks.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def submit(self, origin: Origin, request: AuthenticationRequest, address: str) -> None:
        """Let a request wait for its turn. Raises `RateLimited` by address, `Busy` when too much waits."""
        if not isinstance(request, AnyAuthenticationRequest):
            raise TypeError(type(request))
        now = self._clocks.monotonic()
        if isinstance(request, CheckRegistration):
            self._limits.admit_registration(address, now)
        else:
            self._limits.admit_login(address, now)
        self._queue.put(address_prefix(address), origin, Job(origin, request, address), address_network(address))

    def forget(self, origin: Origin) -> None:
        """The connection has gone: what it waited for need not be computed."""
        self._queue.remove(origin)

    def _work(self) -> None:
        _be_nice()
        with closing(self._open_reader()) as reader:
            authenticator = Authenticator(reader, self._limits, self._clocks, secrets.token_bytes)
            while (taken := self._queue.take()) is not None:
                prefix, job = taken
                answer = Answer(job.origin.serial, job.request.id, _result(authenticator, job))
                self._queue.done(prefix)
                self._sink.answer(job.origin.io_thread, answer)


def _result(authenticator: Authenticator, job: Job) -> Finding | ChatError:
    try:
        return authenticator.find(job.request, job.address)
    except ChatError as error:
        return error
    except Exception:
        # Whatever it is, it says nothing about the next request; who asked is told, and the log has the rest.
        LOG.exception("an authentication request from %s broke", job.address)
        return InternalError()


def _be_nice() -> None:
    """bcrypt takes what the I/O threads leave. Only on Linux is a thread's priority its own."""
    if sys.platform.startswith("linux"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), AUTHENTICATION_NICENESS)
