"""A request is answered once, waits when it is asked to, and is asked again on the next connection."""

import itertools
from collections.abc import Callable

import pytest

from secure_chat.client.requests import Request, Requests
from secure_chat.errors import ChatError, NotMember, VaultFull
from secure_chat.protocol.commands import Command, Ping
from secure_chat.protocol.events import Failure, PongReply, Said


class Asked:
    """Requests under test, and what became of them."""

    def __init__(self) -> None:
        self.requests = Requests()
        self.next_id: Callable[[], int] = itertools.count(1).__next__
        self.answers: list[str] = []

    def ask(self, name: str, *, lost: Callable[[], None] | None = None) -> Request:
        def answered(_said: Said) -> None:
            self.answers.append(f"{name} answered")

        def refused(error: ChatError) -> None:
            self.answers.append(f"{name} {error.code}")

        def delayed(error: ChatError, seconds: float) -> None:
            self.answers.append(f"{name} waits {seconds:g} s for {error.code}")

        request = Request(Ping, answered, refused, delayed, lost=lost)
        self.requests.ask(request)
        return request

    def due(self, now: float) -> list[int]:
        commands: list[Command] = list(self.requests.due(now, self.next_id))
        return [command.id for command in commands]


def test_an_answer_reaches_who_asked_and_only_once() -> None:
    asked = Asked()
    asked.ask("first")
    asked.ask("second")
    assert asked.due(0) == [1, 2]
    assert asked.due(0) == []
    assert asked.requests.reply(PongReply(2), 0)
    assert asked.requests.reply(Failure(1, "room.not_member", "Not a member."), 0)
    assert not asked.requests.reply(PongReply(2), 0)
    assert asked.answers == ["second answered", f"first {NotMember.code}"]
    assert not asked.requests.unanswered


def test_a_refusal_for_a_while_is_asked_again_by_itself_at_that_time() -> None:
    asked = Asked()
    asked.ask("line")
    asked.due(0)
    asked.requests.reply(Failure(1, "rate.limited", "Slow down.", retry_after=2.5), 10.0)
    assert asked.answers == ["line waits 2.5 s for rate.limited"]
    assert asked.requests.next_time() == 12.5
    assert asked.due(12.4) == []
    assert asked.due(12.5) == [2]
    asked.requests.reply(PongReply(2), 13)
    assert asked.answers[-1] == "line answered"


def test_busy_and_a_full_disk_are_waited_for_as_well_and_a_time_that_makes_no_sense_is_not_believed() -> None:
    for code, retry_after in (("busy", None), ("storage.full", 5.0), ("rate.limited", float("nan")), ("busy", 1e12)):
        asked = Asked()
        asked.ask("line")
        asked.due(0)
        asked.requests.reply(Failure(1, code, "Wait.", retry_after=retry_after), 0)
        due = asked.requests.next_time()
        assert due is not None
        assert 0 < due <= 3600


def test_what_was_under_way_is_asked_again_before_what_is_newer() -> None:
    asked = Asked()
    first, second = asked.ask("first"), asked.ask("second")
    asked.due(0)
    third = asked.ask("third")
    asked.requests.disconnected()
    order: list[Request] = asked.requests._waiting
    assert order == [first, second, third]
    assert asked.due(0) == [3, 4, 5]
    assert not asked.requests.reply(PongReply(1), 0), "an answer of the connection before counts no more"


def test_what_must_not_be_repeated_hears_that_its_answer_is_lost() -> None:
    asked = Asked()
    asked.ask("change", lost=lambda: asked.answers.append("change lost"))
    asked.due(0)
    asked.requests.disconnected()
    assert asked.answers == ["change lost"]
    assert asked.due(0) == []


def test_what_is_dropped_is_neither_asked_nor_answered() -> None:
    asked = Asked()
    waiting, under_way = asked.ask("waiting"), asked.ask("under way")
    asked.requests.drop(waiting)
    assert asked.due(0) == [1]
    asked.requests.drop(under_way)
    assert not asked.requests.reply(PongReply(1), 0)
    assert asked.answers == []


def test_an_answer_for_which_the_disk_has_no_room_is_as_good_as_lost() -> None:
    """The connection ends of it; without this nobody would ever hear of what was asked."""
    answers: list[str] = []
    is_full = True

    def answered(_said: Said) -> None:
        if is_full:
            raise VaultFull
        answers.append("kept")

    asked = Asked()
    for lost in (None, lambda: answers.append("lost")):
        asked.requests.ask(Request(Ping, answered, lambda error: answers.append(error.code), lost=lost))
    assert asked.due(0) == [1, 2]
    for number in (1, 2):
        with pytest.raises(VaultFull):
            asked.requests.reply(PongReply(number), 0)
    asked.requests.disconnected()
    assert answers == ["lost"]
    is_full = False
    assert asked.due(0) == [3]
    assert asked.requests.reply(PongReply(3), 0)
    assert answers == ["lost", "kept"]
