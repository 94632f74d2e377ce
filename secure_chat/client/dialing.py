"""Reaching an address over TCP: every address of a name in turn, each attempt bounded and interruptible."""

import errno
import os
import socket
from typing import Final

from secure_chat.certificates.hosts import host_and_port
from secure_chat.client.waiting import WRITE, Waiter
from secure_chat.errors import HostUnknown, NetworkFailed, NoAnswer, NothingAnswers
from secure_chat.limits import CONNECT_SECONDS

_REFUSED: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
_SILENT: Final = frozenset({errno.ETIMEDOUT})


def dial(host: str, port: int, waiter: Waiter) -> socket.socket:
    """A connected, non-blocking TCP socket.

    Raises `HostUnknown`, `NothingAnswers`, `NoAnswer` or `NetworkFailed`; of several addresses the last one's. Asking
    for a name's addresses is the operating system's part and the one that cannot be interrupted.
    """
    addresses = _addresses(host, port)
    until = waiter.clock() + CONNECT_SECONDS
    failure: NetworkFailed | None = None
    for position, (family, address) in enumerate(addresses):
        # What is left is shared out, so that one silent address does not use up the time of the others.
        share = (until - waiter.clock()) / (len(addresses) - position)
        try:
            return _attempt(family, address, waiter.clock() + share, waiter)
        except OSError as error:
            failure = _explain(error, host, port)
    raise failure or HostUnknown(f"The name {host} has no address.")


def _addresses(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise HostUnknown(f"The name {host} leads nowhere: {_reason(error)}.") from error
    return [(family, tuple(address)) for family, _, _, _, address in found]


def _attempt(family: int, address: tuple[object, ...], until: float, waiter: Waiter) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Lines are short and wait for their answer: nothing is gained by holding the first back.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = sock.connect_ex(address)
        if begun not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            raise OSError(begun, os.strerror(begun))
        while begun and not waiter.wait(until, sock, WRITE):
            if waiter.clock() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "no answer")
        ended = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if ended:
            raise OSError(ended, os.strerror(ended))
    except BaseException:
        sock.close()
        raise
    return sock


def _explain(error: OSError, host: str, port: int) -> NetworkFailed:
    where = host_and_port(host, port)
    if error.errno in _REFUSED:
        return NothingAnswers(f"Nothing answers at {where}.")
    if error.errno in _SILENT:
        return NoAnswer(f"There is no answer from {where}.")
    return NetworkFailed(f"{where} cannot be reached: {_reason(error)}.")


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error) or type(error).__name__).lower()
