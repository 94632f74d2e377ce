"""Calls in and events out: nothing is lost between the threads, the last event ends the loop."""

import threading
from functools import partial

from secure_chat.client.events import Countdown, Event, Stopped
from secure_chat.client.inbox import Calls, EventQueue


def test_calls_are_taken_in_order_and_each_wakes_the_thread() -> None:
    woken: list[int] = []
    done: list[int] = []
    calls = Calls(lambda: woken.append(1))
    for number in range(3):
        calls.put(partial(done.append, number))
    for call in calls.take():
        call()
    assert (done, len(woken), calls.take()) == ([0, 1, 2], 3, [])


def test_events_end_with_stopped() -> None:
    events = EventQueue(lambda: None)
    told: list[Event] = [Countdown(2), Countdown(1), Stopped(None)]
    telling = threading.Thread(target=lambda: tuple(map(events.put, told)))
    telling.start()
    assert list(events) == told
    telling.join()


def test_a_screen_is_notified_of_each_event_and_may_take_all_at_once() -> None:
    events, notified = EventQueue(lambda: None), []
    events.notify = lambda: notified.append(1)
    for seconds in (2, 1):
        events.put(Countdown(seconds))
    assert len(notified) == 2
    assert events.take() == [Countdown(2), Countdown(1)]
    assert events.take() == []
    assert events.get(timeout=0) is None
