"""A room's events are shown each once and in order, whatever is cut, skipped, held back or no longer kept."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.client.room_log import Missing, RoomLog, Stretch
from secure_chat.errors import ServerSaidNonsense
from secure_chat.protocol.events import Joined, RoomEvent


def event(number: int) -> RoomEvent:
    return Joined("dev", number, 1_000 + number, "bob")


@dataclass
class Server:
    """As much of a server as one room and one reader need."""

    head: int = 0
    kept_from: int = 1
    sent: int = 0  # up to here on this connection

    def page(self, asked: Stretch, size: int) -> tuple[int, list[RoomEvent]]:
        """A page of history: up to `size` events, and how far it got."""
        numbers = [number for number in range(asked.first, asked.last + 1) if number >= self.kept_from]
        if len(numbers) > size:
            return numbers[size - 1], [event(number) for number in numbers[:size]]
        if not numbers:
            return asked.first - 1, []
        return asked.last, [event(number) for number in numbers]


@dataclass
class Screen:
    """What was shown, and what was said to be gone."""

    shown: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)

    def show(self, items: object) -> None:
        assert isinstance(items, list | tuple)
        for item in items:
            if isinstance(item, Missing):
                self.missing.extend(range(item.first, item.last + 1))
            else:
                self.shown.append(item.number)


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[str, int]]:
    names = st.sampled_from(["post", "deliver", "skip", "fetch", "cut", "purge", "rejoin"])
    return draw(st.lists(st.tuples(names, st.integers(1, 7)), max_size=60))


class Reader:
    """One room followed through a server that cuts, skips and forgets."""

    def __init__(self, start: int, held_at_most: int) -> None:
        self.server, self.screen = Server(head=start), Screen()
        self.log = RoomLog(start, held_at_most=held_at_most)
        self.open()

    def open(self) -> None:
        self.log.disconnected()
        self.server.sent = self.log.seen
        self.log.opened(self.log.seen)

    def fetch(self, size: int) -> None:
        asked = self.log.wanted
        if asked is not None:
            last, events = self.server.page(asked, size)
            self.screen.show(self.log.fetched(asked, last, events))

    def deliver(self, count: int) -> None:
        for _ in range(min(count, self.server.head - self.server.sent)):
            self.server.sent += 1
            self.screen.show(self.log.heard(event(self.server.sent)))

    def skip(self, count: int) -> None:
        last = min(self.server.head, self.server.sent + count)
        if last > self.server.sent:
            self.server.sent = last
            self.log.gap(last)

    def purge(self, count: int) -> None:
        self.server.kept_from = max(self.server.kept_from, min(self.server.head + 1, self.server.kept_from + count))

    def step(self, name: str, count: int) -> None:
        match name:
            case "post":
                self.server.head += count
            case "cut":
                self.open()
            case "rejoin":
                self.log.opened(self.server.sent)  # a repeat of the joining changes nothing
            case _:
                {"deliver": self.deliver, "skip": self.skip, "fetch": self.fetch, "purge": self.purge}[name](count)


@given(happenings(), st.integers(0, 5), st.integers(1, 4))
def test_every_kept_event_is_shown_once_and_in_order(
    steps: list[tuple[str, int]], start: int, held_at_most: int
) -> None:
    reader = Reader(start, held_at_most)
    for name, count in steps:
        reader.step(name, count)
    reader.deliver(reader.server.head)
    while reader.log.wanted is not None:
        reader.fetch(3)

    screen = reader.screen
    assert sorted(screen.shown + screen.missing) == list(range(start + 1, reader.server.head + 1))
    assert screen.shown == sorted(set(screen.shown))
    assert all(number < reader.server.kept_from for number in screen.missing)


def test_an_event_that_skips_numbers_without_a_word_is_held_until_they_are_fetched() -> None:
    log = RoomLog(10)
    log.opened(10)
    assert log.heard(event(13)) == ()
    assert log.wanted == Stretch(11, 12)
    assert log.fetched(Stretch(11, 12), 12, [event(11), event(12)]) == [event(11), event(12), event(13)]
    assert log.wanted is None


def test_an_event_that_comes_twice_is_shown_once() -> None:
    log = RoomLog(10)
    log.opened(10)
    assert log.heard(event(11)) == (event(11),)
    assert log.heard(event(11)) == ()


def test_what_is_held_is_bounded_and_fetched_instead() -> None:
    log = RoomLog(0, held_at_most=3)
    log.opened(0)
    log.gap(5)
    for number in range(6, 20):
        assert log.heard(event(number)) == ()
    wanted = log.wanted
    assert wanted is not None
    assert wanted.last >= 16, "what did not fit is fetched again"
    shown: list[object] = []
    while (wanted := log.wanted) is not None:
        shown += log.fetched(wanted, wanted.last, [event(number) for number in range(wanted.first, wanted.last + 1)])
    assert shown == [event(number) for number in range(1, 20)]


@pytest.mark.parametrize(
    "numbers",
    [[2, 1], [1, 1], [4], [0]],
    ids=["descending", "twice", "beyond the page", "before the page"],
)
def test_a_page_that_is_no_page_is_refused(numbers: list[int]) -> None:
    log = RoomLog(0)
    log.opened(0)
    log.gap(3)
    with pytest.raises(ServerSaidNonsense):
        log.fetched(Stretch(1, 3), 3, [event(number) for number in numbers])


def test_a_page_that_goes_further_than_asked_is_refused() -> None:
    log = RoomLog(0)
    log.opened(0)
    log.gap(3)
    with pytest.raises(ServerSaidNonsense):
        log.fetched(Stretch(1, 3), 9, [])


def test_when_the_past_cannot_be_had_the_hole_is_named_and_what_was_held_is_shown() -> None:
    log = RoomLog(10)
    log.opened(10)
    log.gap(12)
    log.heard(event(13))
    assert log.give_up() == [Missing(11, 12), event(13)]
    assert log.give_up() == []
