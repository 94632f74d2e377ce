"""A process in which one person's client lives and dies at a COMMIT; run by test_crashes.py.

It loads everything once and forks a child for each life, because a life is short and loading is not. It has one thread.
Standard input and output carry MessagePack: an order, a batch of things that happen, an answer to each batch.
"""

import functools
import os
from pathlib import Path
from unittest.mock import patch

import msgspec
from nacl.pwhash import argon2id

from secure_chat.client.direct.direct import Direct
from secure_chat.client.direct.events import DirectHeard
from secure_chat.client.events import Event, Ticket
from secure_chat.client.vault.database import ConnectionFactory
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.events import Welcome
from tests.client.vault.faults import around_commits, dying
from tests.client.vault.vaults import NOW_MS, open_vault

HEADER_BYTES = 4


class Order(msgspec.Struct, frozen=True):
    """Live: with this vault, until COMMIT number `at`; 0: to the end."""

    directory: str
    where: str  # "before" or "after"
    at: int


class Batch(msgspec.Struct, frozen=True):
    """What happens at once."""

    now_ms: int
    welcome: bytes = b""
    said: tuple[bytes, ...] = ()
    typed: tuple[str, ...] = ()  # messages to bob
    ends: bool = False


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What a client did with a batch."""

    commands: tuple[bytes, ...] = ()
    shown: tuple[str, ...] = ()  # texts of others
    busy: bool = False
    commits: int = 0  # so far


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A life is over."""

    killed: bool


def write(descriptor: int, message: msgspec.Struct) -> None:
    data = msgspec.msgpack.encode(message)
    left = len(data).to_bytes(HEADER_BYTES, "big") + data
    while left:
        left = left[os.write(descriptor, left) :]


def read(descriptor: int) -> bytes:
    """One message; empty at the end. Not a byte more is taken: the next one may be for another process."""
    header = _exactly(descriptor, HEADER_BYTES)
    return _exactly(descriptor, int.from_bytes(header, "big")) if header else b""


def _exactly(descriptor: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = os.read(descriptor, length - len(data))
        if not piece:
            return b""
        data += piece
    return data


def live(order: Order) -> None:
    """One life."""
    commits = 0

    def count(_: int) -> None:
        nonlocal commits
        commits += 1

    factory: ConnectionFactory = dying(order.where, order.at) if order.at else around_commits(count)
    events: list[Event] = []
    now_ms = NOW_MS
    with open_vault(Path(order.directory), factory=factory) as vault:
        direct = Direct(vault, events.append, lambda: now_ms, lambda: (now_ms - NOW_MS) / 1000 + 1.0)
        ids = iter(range(1, 1_000_000))
        write(1, Answer())  # before it no batch may come: it would be the next life's order
        while True:
            batch = msgspec.msgpack.decode(read(0), type=Batch)
            now_ms = batch.now_ms
            if batch.ends:
                break
            if batch.welcome:
                welcome = decode_said(batch.welcome)
                assert isinstance(welcome, Welcome)
                direct.connected(welcome)
            for number, text in enumerate(batch.typed):
                direct.message(Ticket(number + 1), "bob", text)
            for said in batch.said:
                direct.said(decode_said(said))
            direct.turn()
            now = (now_ms - NOW_MS) / 1000 + 1.0
            commands = tuple(encode(command) for command in direct.commands(now, ids.__next__))
            due = direct.next_time()
            shown = tuple(
                event.message.text for event in events if isinstance(event, DirectHeard) and not event.message.own
            )
            events.clear()
            write(1, Answer(commands, shown, due is not None and due <= now, commits))


def main() -> None:
    """A life for each order."""
    is_warm = False
    with patch.object(argon2id, "kdf", functools.cache(argon2id.kdf)):
        while data := read(0):
            order = msgspec.msgpack.decode(data, type=Order)
            if not is_warm:
                open_vault(Path(order.directory)).close()  # derived once here, so that no child has to
                is_warm = True
            child = os.fork()
            if child == 0:
                live(order)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            write(1, Ended(killed=os.WIFSIGNALED(status)))


if __name__ == "__main__":
    main()
