"""The acceptor thread: takes connections from the listeners and hands them to the I/O threads, one after the other."""

import errno
import logging
import os
import resource
import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

from secure_chat.errors import AddressInUse, AddressUnusable
from secure_chat.limits import ACCEPT_PAUSE_SECONDS, LISTEN_BACKLOG, MAX_WAITING_SOCKETS, SPARE_DESCRIPTORS
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Finished, NewConnection, SupervisorItem
from secure_chat.server.poller import READABLE, make_poller
from secure_chat.server.services import IoItem

logger: Final = logging.getLogger(__name__)

SHORTAGE_TOLD_EVERY_SECONDS: Final = 60.0
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def listen(host: str, port: int) -> list[socket.socket]:
    """Listeners on every address that `host` names. Raises `AddressInUse`, `AddressUnusable`."""
    listeners: list[socket.socket] = []
    try:
        for family, address in _addresses(host):
            # A free port is chosen once, for all addresses.
            listeners.append(_listener(family, (address, listeners[0].getsockname()[1] if listeners else port)))
    except OSError as error:
        for listener in listeners:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"The address {host} port {port} is in use.") from error
        raise AddressUnusable(f"The address {host} port {port} cannot be used: {error.strerror}.") from error
    return listeners


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((info[0], str(info[4][0])) for info in infos))  # each once, in the system's order


def _listener(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(LISTEN_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


class Acceptor:
    """Does nothing with a connection but hand it over: no byte is read here, so nobody can hold it up."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        io_inboxes: Sequence[Inbox[IoItem]],
        stop: Inbox[None],
        supervisor: Inbox[SupervisorItem],
    ) -> None:
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._io_inboxes = io_inboxes
        self._stop = stop
        self._supervisor = supervisor
        self._next = 0
        self._pause = make_poller()  # knows the word to stop alone
        self._tell_at = 0.0
        self._reserve = _reserve()  # given up to refuse a connection politely when no descriptor is left

    def run(self) -> None:
        """Until something is put into the `stop` inbox; the listeners are closed then."""
        poller = make_poller()
        try:
            poller.register(self._stop.fileno(), READABLE)
            self._pause.register(self._stop.fileno(), READABLE)
            for descriptor in self._listeners:
                poller.register(descriptor, READABLE)
            while True:
                for descriptor, _ in poller.poll():
                    if descriptor == self._stop.fileno():
                        return
                    self._accept(self._listeners[descriptor])
        finally:
            poller.close()
            self._pause.close()
            for listener in self._listeners.values():
                listener.close()
            os.close(self._reserve)
            self._supervisor.put(Finished("acceptor", "ended"))

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._refuse_one(listener)
            return  # the peer has gone already, or another error that is this connection's alone
        if accepted.fileno() >= _most_descriptors():
            accepted.close()
            self._tell_of_shortage()
            return
        accepted.setblocking(False)
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            accepted.close()  # reset before it was accepted
            return
        inbox = self._io_inboxes[self._next]
        self._next = (self._next + 1) % len(self._io_inboxes)
        if inbox.put(NewConnection(accepted, str(address[0]))) > MAX_WAITING_SOCKETS:
            self._wait_a_moment()

    def _refuse_one(self, listener: socket.socket) -> None:
        """Without a descriptor the listener would stay readable and the connection hang: end it instead."""
        self._tell_of_shortage()
        os.close(self._reserve)
        try:
            listener.accept()[0].close()
        except OSError:
            self._wait_a_moment()
        finally:
            self._reserve = _reserve()

    def _tell_of_shortage(self) -> None:
        now = time.monotonic()
        if now >= self._tell_at:
            self._tell_at = now + SHORTAGE_TOLD_EVERY_SECONDS
            logger.error("no descriptor is left for connections: they are refused")

    def _wait_a_moment(self) -> None:
        self._pause.poll(ACCEPT_PAUSE_SECONDS)


def _most_descriptors() -> int:
    """Numbers are given from the lowest on: from this one on connections would take what the rest needs."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft - min(SPARE_DESCRIPTORS, soft // 4)


def _reserve() -> int:
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
