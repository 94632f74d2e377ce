"""The inbox: order, one snapshot, the bell, the end."""

import os
import select
import threading
from collections.abc import Iterator

import pytest

from secure_chat.server.inbox import Descriptor, Inbox

PATIENCE_SECONDS = 60.0


@pytest.fixture(params=["eventfd", "pipe"])
def inbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox[int]]:
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd", raising=False)
    elif not hasattr(os, "eventfd"):
        pytest.skip("this system has no eventfd")
    inbox: Inbox[int] = Inbox()
    yield inbox
    inbox.close()


def rings(inbox: Inbox[int], seconds: float = 0.0) -> bool:
    return bool(select.select([inbox.fileno()], [], [], seconds)[0])


def test_items_come_out_once_in_the_order_in_which_they_were_put(inbox: Inbox[int]) -> None:
    assert [inbox.put(number) for number in range(3)] == [1, 2, 3]
    assert inbox.waits
    assert inbox.take() == [0, 1, 2]
    assert inbox.take() == []
    assert not inbox.waits


def test_the_bell_rings_from_the_first_item_until_the_snapshot(inbox: Inbox[int]) -> None:
    assert not rings(inbox)
    inbox.put(1)
    inbox.put(2)
    assert rings(inbox)
    inbox.take()
    assert not rings(inbox)
    inbox.put(3)
    assert rings(inbox)


def test_an_abandoned_inbox_gives_back_what_was_left_and_takes_nothing_more(inbox: Inbox[int]) -> None:
    inbox.put(1)
    assert inbox.abandon() == [1]
    assert inbox.put(2) == 0
    assert inbox.take() == []


def test_a_closed_inbox_may_still_be_put_into_and_closed_again(inbox: Inbox[int]) -> None:
    inbox.close()
    assert inbox.put(1) == 0
    inbox.close()


def test_a_bell_that_nobody_silences_never_blocks_who_rings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "eventfd", raising=False)  # a pipe can be full
    bell = Descriptor()
    for _ in range(100_000):
        bell.ring()
    bell.silence()
    bell.close()


def test_everything_from_four_threads_arrives_once_and_in_the_order_of_each(inbox: Inbox[int]) -> None:
    count, producers = 5_000, 4

    def produce(first: int) -> None:
        for number in range(count):
            inbox.put(first + number)

    threads = [threading.Thread(target=produce, args=(index * count,)) for index in range(producers)]
    for thread in threads:
        thread.start()
    received: list[int] = []
    while len(received) < count * producers:
        assert rings(inbox, PATIENCE_SECONDS), "items wait and nobody was told"
        received += inbox.take()
    for thread in threads:
        thread.join()
    for index in range(producers):
        assert [item for item in received if item // count == index] == list(range(index * count, (index + 1) * count))
