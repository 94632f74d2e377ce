"""One connection's place in its mailbox against a model: in order, each once, never above the window, never stuck."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_chat.limits import (
    MAILBOX_WINDOW_BYTES,
    MAILBOX_WINDOW_ENVELOPES,
    MAX_DIRECT_FRAME_BYTES,
    MAX_JOINED_BYTES,
    MAX_WAITING_MAIL_BYTES,
)
from secure_chat.server.mailbox import Mailbox, WantedPage
from secure_chat.storage.records import Mail

SMALL = 1000  # bytes of a frame


def envelope_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def mail(number: int, size: int = SMALL) -> Mail:
    return Mail(number, envelope_id(number), number.to_bytes(4, "big") * (size // 4))


@dataclass
class World:
    """A mailbox in the database, announcements on their way, a connection that is given what the mailbox holds."""

    mailbox: Mailbox
    kept: dict[int, Mail] = field(default_factory=dict)  # the table
    announced: list[Mail] = field(default_factory=list)  # committed, not yet told to the I/O thread
    page: tuple[Mail, ...] | None = None  # read, not yet told
    asked: WantedPage | None = None
    given: list[int] = field(default_factory=list)
    unacknowledged: dict[int, int] = field(default_factory=dict)  # of what was given: size by number
    numbers: int = 0

    def commit(self, size: int) -> None:
        self.numbers += 1
        new = mail(self.numbers, size)
        self.kept[new.mail_id] = new
        self.announced.append(new)

    def announce(self) -> None:
        if self.announced:
            self.mailbox.arrived([self.announced.pop(0)])

    def announce_all(self) -> None:
        told, self.announced = self.announced, []
        self.mailbox.arrived(told)

    def ask(self) -> None:
        wanted = self.mailbox.wanted_page()
        if wanted is not None and self.asked is None:
            self.mailbox.begin_reading(wanted)
            self.asked, self.page = wanted, None

    def read(self) -> None:
        """The reader takes its snapshot, at any time after it was asked."""
        if self.asked is None or self.page is not None:
            return
        rows: list[Mail] = []
        for number in sorted(self.kept):
            if number > self.asked.after and len(rows) < self.asked.rows:
                if rows and sum(len(row.frame) for row in rows) + len(self.kept[number].frame) > self.asked.bytes:
                    break
                rows.append(self.kept[number])
        self.page = tuple(rows)

    def answer(self) -> None:
        if self.page is not None:
            self.mailbox.read(self.page)
            self.page = self.asked = None

    def fail(self) -> None:
        if self.asked is not None:
            self.mailbox.not_read()
            self.page = self.asked = None

    def write(self) -> None:
        taken = self.mailbox.take(MAX_JOINED_BYTES)
        assert len(taken) <= MAX_JOINED_BYTES
        while taken:
            number = int.from_bytes(taken[:4], "big")
            size = len(self.kept[number].frame) if number in self.kept else self.unacknowledged[number]
            self.given.append(number)
            self.unacknowledged[number] = size
            taken = taken[size:]
        assert len(self.unacknowledged) <= MAILBOX_WINDOW_ENVELOPES
        assert sum(self.unacknowledged.values()) <= MAILBOX_WINDOW_BYTES
        assert sum(map(len, self.mailbox.waits or ())) <= MAX_WAITING_MAIL_BYTES

    def leave(self, count: int, *, is_acknowledged: bool) -> None:
        for number in list(self.unacknowledged)[:count]:
            del self.unacknowledged[number]
            if is_acknowledged:
                self.kept.pop(number, None)
            self.mailbox.leave_window([envelope_id(number)])

    def settle(self) -> None:
        for _ in range(10_000):
            before = (len(self.given), len(self.unacknowledged), len(self.announced), self.asked)
            self.announce()
            self.ask()
            self.read()
            self.answer()
            self.write()
            self.leave(100, is_acknowledged=True)
            if before == (len(self.given), 0, 0, None) == (len(self.given), 0, len(self.announced), self.asked):
                return
        pytest.fail("it never comes to rest")


def after_login(count: int = 0, size: int = SMALL) -> World:
    made = World(Mailbox(7, has_mail=count > 0))
    for _ in range(count):
        made.commit(size)
    made.announced.clear()
    return made


Step = st.one_of(
    st.tuples(st.just("commit"), st.sampled_from([SMALL, 4000, 17_800])),
    st.tuples(st.sampled_from(["announce", "announce_all", "ask", "read", "answer", "fail", "write"])),
    st.tuples(st.sampled_from(["acknowledge", "defer"]), st.integers(1, 30)),
)


@given(st.integers(0, 90), st.lists(Step, max_size=200))
@settings(deadline=None)
def test_everything_is_given_once_in_order_within_the_window(before: int, steps: list[tuple[object, ...]]) -> None:
    made = after_login(before)
    for step in steps:
        match step:
            case ("commit", int(size)):
                made.commit(size)
            case ("acknowledge" | "defer" as how, int(count)):
                made.leave(count, is_acknowledged=how == "acknowledge")
            case (str(name),):
                getattr(made, name)()
    made.settle()
    assert made.given == list(range(1, made.numbers + 1))


def test_what_arrives_while_the_device_has_everything_is_given_at_once_and_nothing_is_read() -> None:
    made = after_login()
    made.commit(SMALL)
    assert made.mailbox.arrived([made.announced.pop()])
    assert made.mailbox.wanted_page() is None
    made.write()
    assert made.given == [1]


def test_a_full_window_holds_what_is_above_it_until_something_leaves() -> None:
    made = after_login(MAILBOX_WINDOW_ENVELOPES + 5)
    made.ask()
    while made.asked is not None:
        made.read()
        made.answer()
        made.write()
        made.ask()
    assert made.given == list(range(1, MAILBOX_WINDOW_ENVELOPES + 1))
    made.leave(3, is_acknowledged=True)
    wanted = made.mailbox.wanted_page()
    assert wanted is not None
    assert (wanted.after, wanted.rows) == (MAILBOX_WINDOW_ENVELOPES, 3)


def test_large_envelopes_fill_the_window_by_their_bytes() -> None:
    made = after_login(40, 17_800)
    for _ in range(20):
        made.ask()
        made.read()
        made.answer()
        made.write()
    assert MAILBOX_WINDOW_BYTES - MAX_DIRECT_FRAME_BYTES < sum(made.unacknowledged.values()) <= MAILBOX_WINDOW_BYTES


def test_deferred_envelopes_leave_the_window_and_do_not_come_again_on_this_connection() -> None:
    made = after_login(MAILBOX_WINDOW_ENVELOPES)
    for _ in range(3):
        made.ask()
        made.read()
        made.answer()
        made.write()
    made.leave(MAILBOX_WINDOW_ENVELOPES, is_acknowledged=False)
    made.commit(SMALL)
    made.settle()
    assert made.given == list(range(1, MAILBOX_WINDOW_ENVELOPES + 2))
    assert len(made.kept) == MAILBOX_WINDOW_ENVELOPES, "deferred ones stay for the next connection"


def test_nothing_more_is_read_while_what_was_read_is_not_written() -> None:
    made = after_login(100)
    made.ask()
    made.read()
    made.answer()
    assert made.mailbox.wanted_page() is None, "a reader who takes nothing would fill the memory"
    for _ in range(10):
        made.commit(17_800)
        made.announce()
    assert sum(map(len, made.mailbox.waits or ())) <= MAX_WAITING_MAIL_BYTES


def test_live_envelopes_for_a_reader_who_takes_nothing_stay_in_the_database() -> None:
    made = after_login()
    for _ in range(10):
        made.commit(17_800)
        made.announce()
    assert sum(map(len, made.mailbox.waits or ())) <= MAX_WAITING_MAIL_BYTES
    made.settle()
    assert made.given == list(range(1, 11))


def test_what_a_page_brought_is_not_given_again_when_it_is_announced() -> None:
    made = after_login(1)
    made.commit(SMALL)  # on the disk, its announcement on the way
    made.ask()
    made.read()
    made.answer()
    made.announce()
    made.settle()
    assert made.given == [1, 2]


def test_an_envelope_that_was_announced_and_is_gone_when_the_page_is_read_keeps_nobody_asking() -> None:
    made = after_login(1)
    made.commit(SMALL)
    made.announce()  # behind: nothing is given at once
    made.kept.clear()  # its time was up
    made.ask()
    made.read()
    made.answer()
    assert made.mailbox.wanted_page() is None


def test_a_page_that_could_not_be_read_is_wanted_again() -> None:
    made = after_login(1)
    made.ask()
    made.fail()
    assert made.mailbox.wanted_page() == WantedPage(0, MAILBOX_WINDOW_ENVELOPES, MAX_WAITING_MAIL_BYTES)
    made.mailbox.read(())  # an answer to nothing that is under way
    made.settle()
    assert made.given == [1]


def test_two_envelopes_with_one_id_leave_the_window_together() -> None:
    mailbox = Mailbox(7, has_mail=False)
    mailbox.arrived([Mail(1, envelope_id(1), bytes(SMALL)), Mail(2, envelope_id(1), bytes(SMALL))])
    mailbox.leave_window([envelope_id(1), envelope_id(9)])
    mailbox.leave_window([envelope_id(1)])
    for number in range(3, 3 + MAILBOX_WINDOW_ENVELOPES):
        mailbox.take(MAX_JOINED_BYTES)
        assert mailbox.arrived([mail(number)]), number
