"""One person's junk, however much of it comes, does not keep other people's messages from this device."""

import itertools
import secrets
from collections import deque

import pytest

from secure_chat.client.direct.direct import Direct
from secure_chat.client.events import Event
from secure_chat.limits import MAILBOX_WINDOW_ENVELOPES, MAX_DEFERRED_ENVELOPES, MAX_FAILED_OPENS
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.client.direct.device import Device
from tests.support.direct_wire import id_of
from tests.support.envelopes import address, envelope_between
from tests.support.people import TestPerson, make_person


class Server:
    """A mailbox with its window, and device lists; it acknowledges everything at once."""

    def __init__(self, own: Device, people: list[TestPerson]) -> None:
        self.own = own
        self.seconds = 0.0
        self.waiting: deque[bytes] = deque()
        self.window: set[bytes] = set()
        self.acknowledged: list[bytes] = []
        self.deferred: set[bytes] = set()
        self.questions = 0
        self._people = people
        self._next_id = itertools.count(1).__next__
        self.told: list[Event] = []
        self.direct = Direct(own.vault, self.told.append, own.clock, lambda: self.seconds)
        account = own.new.account
        self.direct.connected(e.Welcome(1, account.user_id, account.name, "member", 0, 1, own.clock.now, []))

    def put(self, sender: TestPerson, *, init: bool = False) -> bytes:
        """A well-formed envelope of noise into the mailbox; its id."""
        account, device = self.own.new.account, self.own.new.device.keys
        ends = (address(sender.user_id, sender.device.device_id), address(account.user_id, device.device_id))
        self.waiting.append(envelope_between(*ends, init=init))
        return id_of(self.waiting[-1])

    def run(self) -> None:
        """Push what the window has room for, and answer, until nothing happens any more; no time passes."""
        while True:
            while self.waiting and len(self.window) < MAILBOX_WINDOW_ENVELOPES:
                envelope = self.waiting.popleft()
                self.window.add(id_of(envelope))
                assert self.direct.said(e.DirectEnvelope(envelope, self.own.clock.now, "somebody"))
            self.direct.turn()
            commands = list(self.direct.commands(self.seconds, self._next_id))
            if not commands:
                return
            for command in commands:
                self._answer(command)

    def _answer(self, command: c.Command) -> None:
        said: e.Said = e.Done(command.id)
        if isinstance(command, c.DirectAcknowledge):
            self.acknowledged += command.envelope_ids
            self.window.difference_update(command.envelope_ids)
        elif isinstance(command, c.DirectDefer):
            self.deferred.update(command.envelope_ids)
            self.window.difference_update(command.envelope_ids)
        elif isinstance(command, c.DeviceListQuery):
            self.questions += 1
            [person] = [each for each in self._people if command.user_id == each.user_id or command.name == each.name]
            lists = [] if command.after else [person.device_list.signed.encode()]
            said = e.DeviceLists(command.id, person.user_id, person.name, "enabled", lists, False)
        elif isinstance(command, c.PrekeysClaim):
            said = e.PrekeyBundles(command.id, command.user_id, [])
        assert self.direct.said(said)


@pytest.fixture
def people() -> list[TestPerson]:
    """Who sends junk, and who does not."""
    return [make_person("mallory"), make_person("carol")]


@pytest.mark.parametrize("init", [False, True])
def test_junk_that_must_wait_leaves_the_window_to_others(own: Device, people: list[TestPerson], init: bool) -> None:
    mallory, carol = people
    server = Server(own, people)
    for _ in range(3 * MAILBOX_WINDOW_ENVELOPES):
        server.put(mallory, init=init)
    others = [server.put(carol) for _ in range(3)]
    server.run()
    assert set(others) <= set(server.acknowledged)
    assert server.window == set()


def test_junk_is_opened_at_its_pace_in_its_order_and_no_more_of_it_is_kept_than_a_bound(
    own: Device, people: list[TestPerson]
) -> None:
    mallory, _ = people
    server = Server(own, people)
    junk = [server.put(mallory) for _ in range(MAX_FAILED_OPENS + MAX_DEFERRED_ENVELOPES + 50)]
    server.run()
    assert server.acknowledged == junk[:MAX_FAILED_OPENS]
    assert server.deferred == set(junk[MAX_FAILED_OPENS:])
    for minute in range(1, 20):
        own.clock.now += 61_000
        server.seconds += 61
        server.run()
        done = min(MAX_FAILED_OPENS * (minute + 1), MAX_FAILED_OPENS + MAX_DEFERRED_ENVELOPES)
        assert server.acknowledged == junk[:done]
    late = server.put(mallory)
    server.run()
    assert server.acknowledged[-1] == late


def test_what_names_a_list_that_does_not_exist_leaves_the_window_to_others(
    own: Device, people: list[TestPerson]
) -> None:
    mallory, carol = people
    server = Server(own, people)
    account, device = own.new.account, own.new.device.keys
    for _ in range(2 * MAILBOX_WINDOW_ENVELOPES):
        ends = (address(mallory.user_id, mallory.device.device_id), address(account.user_id, device.device_id))
        envelope = bytearray(envelope_between(*ends, init=True))
        envelope[67 + 52 : 67 + 56] = b"\xff\xff\xff\xff"  # from_dl
        server.waiting.append(bytes(envelope))
    other = server.put(carol)
    server.run()
    assert other in server.acknowledged
    assert server.window == set()


def test_bytes_that_are_no_envelope_are_acknowledged_at_once(own: Device, people: list[TestPerson]) -> None:
    mallory, _ = people
    server = Server(own, people)
    server.put(mallory, init=True)
    broken = bytearray(server.waiting.pop())
    broken[67:71] = bytes(4)  # a generation of 0: no server looks at it
    server.waiting.append(bytes(broken))
    server.run()
    assert server.acknowledged == [id_of(bytes(broken))]
    assert server.questions == 0
    assert secrets.compare_digest(bytes(broken[:3]), b"\x01\x01\x01")
