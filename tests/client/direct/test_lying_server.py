"""A lying server and lying peers against one client: what must not be sent, shown or kept."""

import os
from unittest.mock import patch

import pytest

from secure_chat.client.direct import conversations, device_lists
from secure_chat.client.direct.contacts import verify_by_invite
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import KeyIsChanged, Trust
from secure_chat.client.direct.records import CONTACTS
from secure_chat.client.events import Answered, Failed
from secure_chat.e2ee.device_keys import IdentitySecret
from secure_chat.limits import (
    DAY_MS,
    FULL_MAILBOX_LONGEST_SECONDS,
    MAX_CHARACTERS_SEARCHED,
    MAX_DEFERRED_ENVELOPES,
    MAX_DEVICES_EVER,
    MAX_DEVICES_PER_USER,
    MAX_DIRECTS_SEARCHED,
    MAX_TEXT_BYTES,
)
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.client.direct.double import Double
from tests.client.direct.talkers import Scene, Talker
from tests.support.envelopes import address, envelope_between
from tests.support.post_office import Key


def trust(alice: Talker) -> Answered | Failed:
    return alice.call(lambda ticket: alice.direct.trust(ticket, "bob", b""))


def state(alice: Talker) -> Trust:
    [contact] = [each for _, each in alice.vault.scan(CONTACTS) if each.name == "bob"]
    return contact.state


@pytest.mark.negative(24)
def test_what_was_encrypted_for_the_one_who_had_the_name_before_is_made_anew_for_the_accepted_one(
    scene: Scene,
) -> None:
    """Even where the other account's device has the same number."""
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    bob.read()
    scene.office.answers = lambda _key, command: [] if isinstance(command, c.DirectSend) else None
    alice.say("bob", "under way")
    [under_way] = [part.envelope for part in alice.sends()[-1].parts]
    alice.disconnect()
    scene.office.answers = lambda _key, _command: None
    another = Double(scene, "bob").register(number=bob.devices[0].secrets.device_id)
    alice.connect()
    scene.settle()
    assert state(alice) is Trust.CHANGED
    assert isinstance(trust(alice), Answered)
    assert another.texts() == ["under way"]
    assert [send.user_id for send in alice.sends() if send.parts[0].envelope == under_way] == [bob.user_id]


@pytest.mark.negative(23)
def test_after_another_key_was_accepted_nothing_is_encrypted_to_the_devices_of_the_one_before(scene: Scene) -> None:
    """An invite has proved a key that the server hides; the list that is here is under the old one."""
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    bob.read()
    other = IdentitySecret.generate(os.urandom).public_key.raw
    with alice.vault.transaction() as transaction:
        assert verify_by_invite(transaction, "bob", bob.user_id, other, scene.clock.now_ms()) is Trust.CHANGED
    alice.disconnect()
    assert isinstance(trust(alice), Answered)
    alice.connect()
    alice.say("bob", "for the new key alone")
    assert not bob.texts()


@pytest.mark.negative(23)
def test_a_new_list_under_the_pinned_key_does_not_silence_what_an_invite_has_proved(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    bob.read()
    other = IdentitySecret.generate(os.urandom).public_key.raw
    with alice.vault.transaction() as transaction:
        verify_by_invite(transaction, "bob", bob.user_id, other, scene.clock.now_ms())
    bob.publish_list()
    bob.say(alice, "do not mind")
    alice.say("bob", "held")
    assert state(alice) is Trust.CHANGED
    assert not bob.texts()


def test_what_an_invite_contradicts_is_told_as_a_changed_key_at_once(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    other = IdentitySecret.generate(os.urandom).public_key.raw
    with alice.vault.transaction() as transaction:
        alice.direct._verify_by_invite(transaction, "bob", bob.user_id, other, scene.clock.now_ms())
    alice.direct.turn()
    (told,) = alice.told(KeyIsChanged)
    assert (told.peer, told.held) == ("bob", 0)
    assert [(each.name, each.state) for each in alice.direct.snapshot] == [("bob", Trust.CHANGED)]


def test_nobody_else_is_shown_under_the_own_name(scene: Scene) -> None:
    alice, liar = scene.person("alice"), Double(scene, "alice").register()
    liar.say(alice, "I, alice, owe bob a hundred")
    assert not alice.heard()
    assert not [each for _, each in alice.vault.scan(CONTACTS)]


def test_what_waits_for_lists_that_the_server_never_shows_is_kept_up_to_a_bound(scene: Scene) -> None:
    alice = scene.person("alice")
    scene.office.answers = lambda _key, command: [] if isinstance(command, c.DeviceListQuery) else None
    to = address(*alice.key)
    for _ in range(MAX_DEFERRED_ENVELOPES + 50):
        stranger = address(os.urandom(16), 1)
        alice.direct.said(e.DirectEnvelope(envelope_between(stranger, to), scene.clock.now_ms(), "somebody"))
    scene.settle()
    asked = [command for _, command in scene.office.asked]
    deferred = [each for command in asked if isinstance(command, c.DirectDefer) for each in command.envelope_ids]
    assert len(deferred) == 50
    assert sum(isinstance(command, c.DeviceListQuery) for command in asked) == MAX_DEFERRED_ENVELOPES


def test_a_clock_that_was_weeks_ahead_for_one_message_does_not_end_a_conversation(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "one")
    bob.say("alice", "two")
    alice.say("bob", "begins a chain")
    right = scene.clock.ms
    scene.clock.ms += 30 * DAY_MS
    bob.disconnect()
    alice.say("bob", "sent in a wrong month")
    scene.clock.ms = right + 1000
    bob.connect()
    scene.settle()
    scene.pass_seconds(3600)
    alice.say("bob", "three")
    scene.pass_seconds(3600)
    alice.say("bob", "four")
    assert bob.texts()[-1] == "four"


def test_a_search_among_texts_as_long_as_can_be_stops_early_and_goes_on(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    for number in range(3):
        bob.say(alice, f"needle{number} {'é' * 4000}")
    with alice.vault.transaction() as transaction, patch.object(conversations, "MAX_CHARACTERS_SEARCHED", 4000):
        desk = Desk(transaction)
        found, following = conversations.search(desk, "needle0", ["bob"], 0, 0)
        pages = 1
        while following and not found:
            found, following = conversations.search(desk, "needle0", ["bob"], 0, following)
            pages += 1
    assert len(found) == 1
    assert pages == 3
    assert MAX_CHARACTERS_SEARCHED < MAX_DIRECTS_SEARCHED * MAX_TEXT_BYTES / 10


def test_a_person_with_ever_new_devices_is_refused_before_comparing_them_takes_long(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(2)
    alice.say("bob", "before")
    with patch.object(device_lists, "MAX_DEVICES_EVER", 5):
        bob.reset_identity(2)
        alice.say("bob", "a key change, and no more")
        bob.reset_identity(2)
        bob.send(alice)
        scene.settle()
    with alice.vault.transaction() as transaction:
        peer = Desk(transaction).peer(bob.user_id)
    assert peer is not None
    assert len(peer.seen) == 4
    assert peer.version == 2
    assert not bob.texts()
    assert MAX_DEVICES_EVER >= 16 * MAX_DEVICES_PER_USER


def test_after_a_refusal_as_out_of_date_a_late_envelope_asks_for_the_newer_list(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(2)
    alice.say("bob", "before")
    first, second = bob.devices
    bob.read(first)
    scene.office.capacity = 1
    alice.say("bob", "the second device is full")
    scene.office.capacity = 10
    bob.read(second)
    bob.add_device()
    scene.pass_seconds(FULL_MAILBOX_LONGEST_SECONDS)
    assert "the second device is full" in bob.texts(second)


def test_a_server_that_refuses_late_envelopes_and_every_question_is_not_asked_without_end(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(2)
    alice.say("bob", "before")
    bob.read(bob.devices[0])
    scene.office.capacity = 1
    alice.say("bob", "the second device is full")
    scene.office.answers = _refuse_everything
    scene.pass_seconds(FULL_MAILBOX_LONGEST_SECONDS)
    scene.office.answers = lambda _key, _command: None
    scene.office.capacity = 10
    scene.pass_seconds(2 * FULL_MAILBOX_LONGEST_SECONDS)
    assert "the second device is full" in bob.texts(bob.devices[1])


def _refuse_everything(_key: Key, command: c.Command) -> list[e.Said] | None:
    if isinstance(command, c.DirectSend):
        return [e.DevicesStale(command.id, command.user_id, [])]
    if isinstance(command, c.DeviceListQuery):
        return [e.Failure(command.id, "user.unknown", "There is no such user.")]
    return None


@pytest.mark.negative(65)
def test_trust_does_not_accept_what_the_server_showed_once_and_shows_no_more(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    alice.disconnect()
    liar = Double(scene, "bob").register()  # the same name, shown for a moment
    alice.connect()
    alice.say("bob", "held")
    del scene.office.accounts[liar.user_id]
    alice.disconnect()
    alice.connect()
    scene.settle()
    assert bob.texts() == ["before"]
    outcome = trust(alice)
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "key.not_changed"
    scene.settle()
    assert bob.texts() == ["held"]
    assert state(alice) is Trust.UNVERIFIED
