"""What every test obeys: it leaves no thread and no socket behind, and no deadline depends on the machine."""

import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Machines differ: an example that takes long is not a failure, one that never ends meets faulthandler_timeout.
settings.register_profile("secure_chat", deadline=None, print_blob=True)
settings.load_profile("secure_chat")

# Started in the background, a shell has its children ignore Ctrl-C; they would hand that on to the programs under test.
for ignored in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler)

LEAK_WAIT_SECONDS = 20.0  # generous: a thread told to stop may be held up by a loaded machine
LEAK_POLL_SECONDS = 0.01

_OPEN_DESCRIPTORS = next(place for place in (Path("/proc/self/fd"), Path("/dev/fd")) if place.is_dir())


def open_sockets() -> dict[tuple[int, int], int]:
    """The sockets of this process: (device, inode) to one descriptor that holds it."""
    sockets: dict[tuple[int, int], int] = {}
    for name in os.listdir(_OPEN_DESCRIPTORS):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue  # the descriptor of the listing itself, or one closed since
        if stat.S_ISSOCK(status.st_mode):
            sockets[status.st_dev, status.st_ino] = int(name)
    return sockets


def describe_socket(descriptor: int) -> str:
    """Say what a leaked socket is, as far as it still can be asked."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            return f"descriptor {descriptor}: {copy.family.name} bound to {copy.getsockname()!r}"
    except OSError as error:
        return f"descriptor {descriptor}: {error}"


@pytest.fixture(autouse=True)
def no_thread_and_no_socket_is_left_behind() -> Iterator[None]:
    """Fail a test after which a thread runs or a socket is open that was not there before."""
    threads_before = set(threading.enumerate())
    sockets_before = open_sockets().keys()
    yield
    deadline = time.monotonic() + LEAK_WAIT_SECONDS
    while True:
        threads = [thread for thread in threading.enumerate() if thread not in threads_before]
        sockets = {key: number for key, number in open_sockets().items() if key not in sockets_before}
        if not threads and not sockets:
            return
        if time.monotonic() > deadline:
            break
        for thread in threads:
            thread.join(LEAK_POLL_SECONDS)
        if not threads:
            threading.Event().wait(LEAK_POLL_SECONDS)
    leaks = [f"thread {thread.name!r}" for thread in threads]
    leaks += [describe_socket(descriptor) for descriptor in sockets.values()]
    pytest.fail("left behind: " + "; ".join(leaks))


LONG_FILES = ("end_to_end", "features", "one_shot", "mutations")
SHORT_FILES = ("data", "directory", "documents", "e2ee", "protocol")  # nothing in them starts a process


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest and end with the shortest, so that no core ends the run alone.

    Among each of the three kinds the order stays random.
    """
    items.sort(key=lambda item: (item.path.parent.name not in LONG_FILES, item.path.parent.name in SHORT_FILES))
