"""The pool's threads: priority, fairness, who is turned away, and that a fault in one request harms no other."""

import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import bcrypt
import pytest

from secure_chat.errors import AuthenticationFailed, Busy, InternalError, RateLimited
from secure_chat.limits import (
    AUTHENTICATION_NICENESS,
    MAX_WAITING_AUTHENTICATIONS,
    MAX_WAITING_AUTHENTICATIONS_OF_NETWORK,
    MAX_WAITING_AUTHENTICATIONS_OF_ONE,
)
from secure_chat.protocol.commands import InviteQuery
from secure_chat.server.authentication_pool import AuthenticationThreads, default_threads
from secure_chat.server.authentication_requests import CheckInvite, CheckLogin
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Answer, AuthenticationRequest, Origin, SupervisorItem, WithToken
from secure_chat.server.login_limits import LoginLimits
from secure_chat.server.settings.model import LoginRules, Rates
from secure_chat.storage.reader import StoreReader
from tests.support.authenticating import Authenticating, authenticating
from tests.support.people import make_person

PATIENCE_SECONDS = 60
UNHURRIED = Rates(logins_per_minute=1e6, logins_burst=10**6, registrations_per_hour=1e6, registrations_burst=10**6)


class Sink:
    """Where answers go; a test waits for them."""

    def __init__(self) -> None:
        self.answers: SimpleQueue[tuple[int, Answer]] = SimpleQueue()

    def answer(self, io_thread: int, answer: Answer) -> None:
        self.answers.put((io_thread, answer))

    def next(self) -> tuple[int, Answer]:
        return self.answers.get(timeout=PATIENCE_SECONDS)


class Held:
    """bcrypt that waits until it may go on, one computation at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: SimpleQueue[int] = SimpleQueue()
        self.go_on = threading.Semaphore(0)
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self._checkpw)

    def _checkpw(self, password: bytes, hashed_password: bytes) -> bool:
        self.begun.put(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        assert self.go_on.acquire(timeout=PATIENCE_SECONDS)
        return self._check(password, hashed_password)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Authenticating]:
    with authenticating(tmp_path) as made:
        yield made


def pool_of(store: Authenticating, sink: Sink, threads: int = 1, rates: Rates = UNHURRIED) -> AuthenticationThreads:
    supervisor: Inbox[SupervisorItem] = Inbox()
    return AuthenticationThreads(
        lambda: StoreReader(store.opened.directory), LoginLimits(LoginRules(), rates), sink, supervisor, threads
    )


def wrong_login(store: Authenticating) -> CheckLogin:
    return store.login(make_person("nobody"))


def finished(pool: AuthenticationThreads) -> bool:
    pool.stop()
    return pool.join(PATIENCE_SECONDS)


def test_an_answer_comes_back_to_the_connection_that_asked(store: Authenticating) -> None:
    person, _ = store.registered("alice")
    sink = Sink()
    pool = pool_of(store, sink)
    pool.start()
    pool.submit(Origin(3, 77), store.login(person), "10.0.0.1")
    io_thread, answer = sink.next()
    assert (io_thread, answer.serial, answer.id) == (3, 77, 1)
    assert isinstance(answer.result, WithToken)
    pool.submit(Origin(0, 78), wrong_login(store), "10.0.0.1")
    assert isinstance(sink.next()[1].result, AuthenticationFailed)
    assert finished(pool)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux gives a thread a priority of its own")
def test_bcrypt_runs_at_the_lowest_priority_and_the_callers_keep_theirs(
    store: Authenticating, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, held = Sink(), Held(monkeypatch)
    pool = pool_of(store, sink)
    pool.start()
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    pool.submit(Origin(0, 1), wrong_login(store), "10.0.0.1")
    assert held.begun.get(timeout=PATIENCE_SECONDS) == AUTHENTICATION_NICENESS
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
    held.go_on.release()
    sink.next()
    assert finished(pool)


def test_one_network_has_two_waiting_and_one_running_and_holds_up_nobody(
    store: Authenticating, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, held = Sink(), Held(monkeypatch)
    pool = pool_of(store, sink, threads=2)
    pool.start()
    flood = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"]
    pool.submit(Origin(0, 0), wrong_login(store), flood[0])
    held.begun.get(timeout=PATIENCE_SECONDS)
    for serial in range(1, 1 + MAX_WAITING_AUTHENTICATIONS_OF_ONE):
        pool.submit(Origin(0, serial), wrong_login(store), flood[serial])
    with pytest.raises(Busy):
        pool.submit(Origin(0, 99), wrong_login(store), flood[3])
    pool.submit(Origin(0, 50), wrong_login(store), "10.0.0.9")
    held.begun.get(timeout=PATIENCE_SECONDS)  # beside the flood's one, before the flood's next
    assert held.begun.empty()
    for _ in range(4):
        held.go_on.release()
    served = [sink.next()[1].serial for _ in range(4)]
    assert set(served[:2]) <= {0, 50, 1}
    assert sorted(served) == [0, 1, 2, 50]
    assert finished(pool)


def test_one_subscriber_with_many_networks_leaves_room_for_the_others(store: Authenticating) -> None:
    pool = pool_of(store, Sink())  # not started: everything waits
    for serial in range(MAX_WAITING_AUTHENTICATIONS_OF_NETWORK):
        pool.submit(Origin(0, serial), wrong_login(store), f"2001:db8:1:{serial:x}::1")
    for serial in range(MAX_WAITING_AUTHENTICATIONS):
        with pytest.raises(Busy):
            pool.submit(Origin(0, 100), wrong_login(store), f"2001:db8:1:{serial + 500:x}::1")
    for serial in range(MAX_WAITING_AUTHENTICATIONS - MAX_WAITING_AUTHENTICATIONS_OF_NETWORK):
        pool.submit(Origin(0, 200 + serial), wrong_login(store), f"10.0.0.{serial}")


def test_at_most_64_wait_in_all(store: Authenticating, monkeypatch: pytest.MonkeyPatch) -> None:
    sink, held = Sink(), Held(monkeypatch)
    pool = pool_of(store, sink)
    pool.start()
    pool.submit(Origin(0, 0), wrong_login(store), "10.0.0.0")
    held.begun.get(timeout=PATIENCE_SECONDS)
    for serial in range(1, 1 + MAX_WAITING_AUTHENTICATIONS):
        pool.submit(Origin(0, serial), wrong_login(store), f"10.0.{serial}.1")
    with pytest.raises(Busy) as caught:
        pool.submit(Origin(0, 999), wrong_login(store), "10.1.0.1")
    assert caught.value.retry_after
    for serial in range(1, 1 + MAX_WAITING_AUTHENTICATIONS):
        pool.forget(Origin(0, serial))  # whoever has gone makes no work
    pool.submit(Origin(0, 1000), wrong_login(store), "10.1.0.1")
    for _ in range(2):
        held.go_on.release()
    assert [sink.next()[1].serial for _ in range(2)] == [0, 1000]
    assert finished(pool)


def test_the_token_bucket_is_asked_before_anything_waits(store: Authenticating) -> None:
    rates = Rates(logins_per_minute=1, logins_burst=1, registrations_per_hour=1, registrations_burst=1)
    pool = pool_of(store, Sink(), rates=rates)  # not started: nothing is computed
    pool.submit(Origin(0, 1), wrong_login(store), "10.0.0.1")
    with pytest.raises(RateLimited) as caught:
        pool.submit(Origin(0, 2), CheckInvite(1, InviteQuery(1, secrets.token_bytes(32))), "10.0.0.1")
    assert caught.value.retry_after
    pool.submit(Origin(0, 3), store.registration(make_person("alice"), b"t" * 16), "10.0.0.1")
    with pytest.raises(RateLimited):
        pool.submit(Origin(0, 4), store.registration(make_person("alice"), b"t" * 16), "10.0.0.1")


def test_a_fault_in_one_request_harms_no_other(store: Authenticating, monkeypatch: pytest.MonkeyPatch) -> None:
    person, _ = store.registered("alice")
    check, calls = bcrypt.checkpw, iter([True, False])

    def breaks_once(password: bytes, hashed_password: bytes) -> bool:
        if next(calls):
            raise RuntimeError("planted")
        return check(password, hashed_password)

    monkeypatch.setattr(bcrypt, "checkpw", breaks_once)
    sink = Sink()
    pool = pool_of(store, sink)
    pool.start()
    pool.submit(Origin(0, 1), store.login(person), "10.0.0.1")
    pool.submit(Origin(0, 2), store.login(person), "10.0.0.2")
    assert isinstance(sink.next()[1].result, InternalError)
    assert isinstance(sink.next()[1].result, WithToken)
    assert finished(pool)


def test_what_is_no_request_of_the_pool_is_a_fault_of_ours(store: Authenticating) -> None:
    with pytest.raises(TypeError):
        pool_of(store, Sink()).submit(Origin(0, 1), AuthenticationRequest(1), "10.0.0.1")


def test_there_is_one_thread_fewer_than_cores_and_at_least_one() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert default_threads() == max(1, cores - 1)
