"""How mailboxes ask for their pages: a few at a time, again after a refusal, and never for who has left."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from secure_chat.errors import Busy
from secure_chat.limits import MAX_MAIL_READS_UNDER_WAY, MAX_WAITING_REPLIES_BYTES, READ_RETRY_SECONDS
from secure_chat.protocol.states import Role
from secure_chat.server.connection import Connection
from secure_chat.server.connections import Connections
from secure_chat.server.delivery import Delivery
from secure_chat.server.items import Origin, ReadRequest
from secure_chat.server.mailboxes import Mailboxes
from secure_chat.server.poller import PlainPoller
from secure_chat.server.read_requests import ReadMail
from secure_chat.server.ring import Rings
from secure_chat.server.session import Session
from secure_chat.storage.outcomes import InviteWasUsed, MailArrived, MailGone, PrekeysRunLow
from secure_chat.storage.records import Mail
from tests.server.test_delivery import RecordedWriting

DEVICE = 7


@dataclass
class ScriptedReader:
    """Keeps what is asked; turns everybody away while it is full."""

    asked: list[tuple[Origin, ReadMail]] = field(default_factory=list)
    is_full: bool = False
    full_accounts: set[int] = field(default_factory=set)

    def submit(self, origin: Origin, request: ReadRequest) -> None:
        assert isinstance(request, ReadMail)
        if self.is_full or request.account in self.full_accounts:
            raise Busy
        self.asked.append((origin, request))

    def start(self) -> None:
        """There is no thread."""

    def stop(self) -> None:
        """There is no thread."""

    def join(self, timeout: float) -> bool:
        """There is no thread."""
        return timeout >= 0


class World:
    """Connections of devices with mail, and what is written to them."""

    def __init__(self, count: int, io_threads: int = 1) -> None:
        self.connections = Connections(PlainPoller())
        self.writing = RecordedWriting()
        self.delivery = Delivery(self.writing, Rings(10**9))
        self.reader = ScriptedReader()
        self.mailboxes = Mailboxes(self.connections, self.delivery, self.reader, io_threads)
        self.made = [self.connect(account) for account in range(1, count + 1)]

    def connect(self, account: int) -> Connection:
        connection = Connection(Origin(0, account), socket.socket(), "test", 0.0)
        connection.session = Session(account, DEVICE, bytes(16), f"person{account}", Role.MEMBER)
        self.connections.by_serial[account] = connection
        self.connections.enter_account(connection, account)
        self.mailboxes.begin(connection, DEVICE, has_mail=True)
        return connection

    def answer(self, rows: tuple[Mail, ...] | None, now: float = 0.0) -> None:
        """The oldest page under way."""
        origin, _ = self.reader.asked.pop(0)
        self.mailboxes.answered(self.connections.by_serial.get(origin.serial), rows, now)

    def written(self, connection: Connection) -> bytes:
        self.delivery.deliver(0.0)
        return b"".join(self.writing.written.get(connection.serial, []))


@contextmanager
def world(count: int, io_threads: int = 1) -> Iterator[World]:
    made = World(count, io_threads)
    try:
        yield made
    finally:
        for connection in made.connections.by_serial.values():
            connection.socket.close()


def test_however_many_come_back_at_once_only_some_pages_are_under_way_and_everybody_gets_his_turn() -> None:
    with world(MAX_MAIL_READS_UNDER_WAY + 10) as made:
        made.mailboxes.go_on(0.0)
        assert len(made.reader.asked) == MAX_MAIL_READS_UNDER_WAY
        served = 0
        while made.reader.asked:
            made.answer(())
            served += 1
            made.mailboxes.go_on(0.0)
        assert served == len(made.made)


def test_each_of_many_threads_has_at_least_one_page_under_way() -> None:
    with world(3, io_threads=10 * MAX_MAIL_READS_UNDER_WAY) as made:
        made.mailboxes.go_on(0.0)
        assert len(made.reader.asked) == 1


def test_a_reader_that_turns_everybody_away_is_asked_again_after_a_while_without_further_traffic() -> None:
    with world(2) as made:
        made.reader.is_full = True
        made.mailboxes.go_on(10.0)
        assert made.mailboxes.retry_at == 10.0 + READ_RETRY_SECONDS
        made.reader.is_full = False
        made.mailboxes.go_on(10.0 + READ_RETRY_SECONDS / 2)
        assert made.reader.asked == []
        made.mailboxes.go_on(10.0 + READ_RETRY_SECONDS)
        assert len(made.reader.asked) == 2
        assert made.mailboxes.retry_at is None


def test_who_has_filled_his_own_part_of_the_readers_queue_holds_up_nobody_else() -> None:
    with world(3) as made:
        made.reader.full_accounts = {1}
        made.mailboxes.go_on(10.0)
        assert [request.account for _, request in made.reader.asked] == [2, 3]
        made.answer((Mail(1, bytes(16), b"first"),))
        assert made.written(made.made[1]) == b"first"
        made.mailboxes.arrived(MailArrived(3, DEVICE, (Mail(2, bytes(16), b"second"),)))
        made.answer((Mail(1, bytes(16), b"first"),))
        assert made.written(made.made[2]) == b"first"
        made.mailboxes.go_on(10.1)
        assert [request.account for _, request in made.reader.asked] == [3]
        made.reader.full_accounts.clear()
        made.mailboxes.go_on(10.0 + READ_RETRY_SECONDS)
        assert [request.account for _, request in made.reader.asked] == [3, 1]


def test_a_page_that_could_not_be_read_is_asked_for_again_after_a_while() -> None:
    with world(1) as made:
        made.mailboxes.go_on(0.0)
        made.answer(None, now=5.0)
        assert made.mailboxes.retry_at == 5.0 + READ_RETRY_SECONDS
        made.mailboxes.go_on(5.0 + READ_RETRY_SECONDS)
        made.answer((Mail(1, bytes(16), b"one"),))
        assert made.written(made.made[0]) == b"one"


def test_who_leaves_is_not_read_for_and_an_answer_that_finds_nobody_frees_its_place() -> None:
    with world(MAX_MAIL_READS_UNDER_WAY + 2) as made:
        waits = made.made[-1]
        made.mailboxes.go_on(0.0)
        made.delivery.close(waits)
        for _ in range(MAX_MAIL_READS_UNDER_WAY):
            del made.connections.by_serial[made.reader.asked[0][0].serial]
            made.answer((Mail(1, bytes(16), b"lost"),))
        made.mailboxes.go_on(0.0)
        assert [origin.serial for origin, _ in made.reader.asked] == [MAX_MAIL_READS_UNDER_WAY + 1]
    for connection in made.made:
        connection.socket.close()


def test_what_arrives_goes_to_the_connection_of_its_device_alone() -> None:
    with world(2) as made:
        made.mailboxes.go_on(0.0)
        made.answer(())
        made.answer(())
        made.mailboxes.arrived(MailArrived(1, DEVICE, (Mail(1, bytes(16), b"mine"),)))
        made.mailboxes.arrived(MailArrived(1, DEVICE + 1, (Mail(2, bytes(16), b"another device's"),)))
        made.mailboxes.arrived(MailArrived(9, DEVICE, (Mail(3, bytes(16), b"somebody else's"),)))
        made.mailboxes.gone(MailGone(1, DEVICE + 1, (bytes(16),)))
        assert made.written(made.made[0]) == b"mine"
        assert made.written(made.made[1]) == b""


def test_hints_are_not_heaped_on_who_takes_nothing() -> None:
    with world(1) as made:
        connection = made.made[0]
        connection.blocked_since = 1.0
        for _ in range(10_000):
            made.mailboxes.prekeys_low(PrekeysRunLow(1, DEVICE, 3))
            made.mailboxes.prekeys_low(PrekeysRunLow(1, DEVICE + 1, 3))
            made.mailboxes.invite_used(InviteWasUsed(1, bytes(32)))
        assert 0 < connection.direct_bytes <= MAX_WAITING_REPLIES_BYTES + 100
