"""The end of a connection: say so, let the last bytes arrive, close."""

import contextlib
import socket
import ssl
from typing import Final

from secure_chat.client.waiting import WRITE, Waiter
from secure_chat.limits import CLIENT_CLOSING_SECONDS

_DISCARD_AT_ONCE: Final = 64 * 1024


def close_connection(sock: socket.socket, tls: ssl.SSLObject, unsent: bytes, outgoing: ssl.MemoryBIO) -> None:
    """Send `unsent` ciphertext and close_notify, wait at most half a second for the other end, and close.

    `sock` is the plain, non-blocking socket. A close with unread bytes would reset the connection and could destroy
    what the server has not read yet. Never raises for a connection that is gone already.
    """
    with contextlib.closing(sock), contextlib.suppress(OSError), Waiter() as waiter:
        with contextlib.suppress(ssl.SSLError):  # wants the other end's close_notify, or the handshake was not done
            tls.unwrap()
        until = waiter.clock() + CLIENT_CLOSING_SECONDS
        data = unsent + outgoing.read()
        while data and waiter.clock() < until:
            waiter.wait(until, sock, WRITE)
            with contextlib.suppress(BlockingIOError):
                data = data[sock.send(data) :]
        sock.shutdown(socket.SHUT_WR)
        while waiter.clock() < until:
            if waiter.wait(until, sock) and not sock.recv(_DISCARD_AT_ONCE):
                return
