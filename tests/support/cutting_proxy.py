"""A TCP proxy on loopback that cuts its connections when told: a bad network that a test can hold in its hand."""

import contextlib
import selectors
import socket
import threading
from typing import Self

_CHUNK = 65536


class CuttingProxy:
    """Forward connections to (host, port) in one thread; `cut` resets all that stand."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._cut_wanted = threading.Event()
        self._cut_done = threading.Event()
        self._stop_wanted = threading.Event()
        self._forwarding = threading.Event()
        self._forwarding.set()
        self.accepted = 0
        self.cuts = 0
        self._thread = threading.Thread(target=self._run, name="cutting-proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_wanted.set()
        self._wake()
        self._thread.join()

    def cut(self) -> None:
        """Reset every connection that stands; returns when it is done."""
        self._cut_done.clear()
        self._cut_wanted.set()
        self._wake()
        self._cut_done.wait()
        self.cuts += 1

    def refuse(self) -> None:
        """From now on new connections are reset at once, as by a network that is gone."""
        self._forwarding.clear()

    def allow(self) -> None:
        """New connections are forwarded again."""
        self._forwarding.set()

    def _wake(self) -> None:
        self._wake_writer.send(b"x")

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        while not self._stop_wanted.is_set():
            for key, _ in self._selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._listener:
                    self._accept()
                elif ready is self._wake_reader:
                    self._wake_reader.recv(_CHUNK)
                elif ready in self._peers:
                    self._forward(ready)
            if self._cut_wanted.is_set():
                self._cut_wanted.clear()
                self._drop_all()
                self._cut_done.set()
        self._drop_all()
        self._cut_done.set()
        self._selector.close()
        for each in (self._listener, self._wake_reader, self._wake_writer):
            each.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self.accepted += 1
        try:
            if not self._forwarding.is_set():
                raise ConnectionRefusedError
            server = socket.create_connection(self._target)
        except OSError:
            _reset(client)
            return
        for side, other in ((client, server), (server, client)):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[side] = other
            self._selector.register(side, selectors.EVENT_READ)

    def _forward(self, side: socket.socket) -> None:
        try:
            data = side.recv(_CHUNK)
            if not data:
                raise ConnectionResetError
            self._peers[side].sendall(data)
        except OSError:
            self._drop(side)

    def _drop_all(self) -> None:
        while self._peers:
            self._drop(next(iter(self._peers)))

    def _drop(self, side: socket.socket) -> None:
        for each in (side, self._peers[side]):
            del self._peers[each]
            self._selector.unregister(each)
            _reset(each)


def _reset(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    side.close()
