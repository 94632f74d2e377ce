"""A contact's key changes: what is held, what is set apart, what a person may accept and what not."""

import os

import pytest

from secure_chat.client.direct.contacts import verify_by_invite
from secure_chat.client.direct.events import (
    ContactPinned,
    ContactsFound,
    ContactVerified,
    ConversationFound,
    DirectAccepted,
    DirectHeld,
    DirectsFound,
    KeyIsChanged,
    KeyIsContradicted,
    SafetyNumber,
    Trust,
)
from secure_chat.client.direct.records import PEER_DEVICES
from secure_chat.client.events import Answered, Failed
from secure_chat.e2ee.content import Kind
from secure_chat.e2ee.device_keys import IdentitySecret
from tests.client.direct.double import Double
from tests.client.direct.talkers import Scene, Talker


def met(scene: Scene) -> tuple[Talker, Double]:
    """Alice has written to bob, whose identity is another one now; she has heard of it."""
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    assert bob.texts() == ["before"]
    bob.say(alice, "hello")
    scene.pass_seconds(60)
    bob.read()
    bob.reset_identity()
    return alice, bob


def trust(alice: Talker, fingerprint: bytes = b"") -> Answered | Failed:
    return alice.call(lambda ticket: alice.direct.trust(ticket, "bob", fingerprint))


def number(outcome: Answered | Failed) -> SafetyNumber:
    assert isinstance(outcome, Answered)
    assert isinstance(outcome.answer, SafetyNumber)
    return outcome.answer


def code(outcome: Answered | Failed) -> str:
    return outcome.error.code if isinstance(outcome, Failed) else type(outcome.answer).__name__


def state(alice: Talker) -> Trust:
    [contact] = [each for each in alice.direct.snapshot if each.name == "bob"]
    return contact.state


@pytest.mark.negative(23)
def test_after_a_key_change_nothing_is_encrypted_and_what_is_accepted_goes_at_once(scene: Scene) -> None:
    alice, bob = met(scene)
    before = len(alice.sends())
    first, second = alice.say("bob", "one"), alice.say("bob", "two")
    [changed] = alice.told(KeyIsChanged)
    assert (changed.peer, changed.was_verified, changed.held) == ("bob", False, 1)
    assert [(held.ticket, held.error.code) for held in alice.told(DirectHeld)] == [
        (first, "key.changed"),
        (second, "key.changed"),
    ]
    assert len(alice.sends()) == before + 1  # the one whose answer told of the change; nobody took it
    assert not scene.office.mailboxes.get(bob.key(bob.devices[0]))
    assert state(alice) is Trust.CHANGED
    assert code(trust(alice, changed.fingerprint)) == "Settled"
    assert bob.texts() == ["one", "two"]
    assert [accepted.ticket for accepted in alice.told(DirectAccepted)][-2:] == [first, second]
    assert state(alice) is Trust.UNVERIFIED


@pytest.mark.negative(23)
def test_acknowledgements_fresh_sessions_and_resets_do_not_go_to_a_changed_key_either(scene: Scene) -> None:
    alice, bob = met(scene)
    alice.say("bob", "held")
    before = len(alice.sends())
    bob.say(alice, "quarantined")
    bob.send(alice, Kind.TEXT, b"")  # unreadable
    scene.pass_seconds(3600)
    assert code(alice.call(lambda ticket: alice.direct.reset_session(ticket, "bob"))) == "key.changed"
    scene.pass_seconds(3600)
    assert len(alice.sends()) == before


@pytest.mark.negative(65)
def test_what_comes_under_a_key_that_nobody_accepted_is_set_apart_and_answered_by_nothing(scene: Scene) -> None:
    alice, bob = met(scene)
    before = len(alice.sends())
    bob.say(alice, "it is me, really")
    scene.pass_seconds(3600)
    [*_, message] = alice.heard()
    assert (message.text, message.trust) == ("it is me, really", Trust.QUARANTINED)
    assert not scene.office.mailboxes[alice.key]
    assert len(alice.sends()) == before
    [changed] = alice.told(KeyIsChanged)
    assert changed.held == 0
    trust(alice)
    bob.say(alice, "thanks")
    assert alice.heard()[-1].trust is Trust.UNVERIFIED
    scene.pass_seconds(60)
    assert len(alice.sends()) == before + 1  # now it is acknowledged


@pytest.mark.negative(65)
@pytest.mark.parametrize("told", [True, False], ids=["by what the screen has shown", "by what the server shows now"])
def test_trust_fails_when_the_key_has_changed_again_since_it_was_shown(scene: Scene, told: bool) -> None:
    alice, bob = met(scene)
    alice.say("bob", "held")
    [changed] = alice.told(KeyIsChanged)
    bob.reset_identity()
    if told:
        bob.say(alice, "a second change")
    assert code(trust(alice, changed.fingerprint if told else b"")) == "key.changed_again"
    assert not bob.texts()
    assert len(alice.told(KeyIsChanged)) == 2
    assert state(alice) is Trust.CHANGED
    assert code(trust(alice, alice.told(KeyIsChanged)[-1].fingerprint)) == "Settled"
    assert bob.texts() == ["held"]


def test_sessions_under_the_pinned_key_stay_readable_until_another_is_accepted(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "hello")
    old, old_lists = bob.devices[0], list(bob.lists)
    late = bob.sealed(old, alice, Kind.TEXT, bytes(16) + b"sent before the change")
    bob.reset_identity()
    alice.say("bob", "held")
    scene.office.put(alice.key, late, (bob.user_id, old.secrets.device_id))
    scene.settle()
    assert alice.heard()[-1].text == "sent before the change"
    assert alice.heard()[-1].trust is Trust.UNVERIFIED
    trust(alice)
    devices = {device.device_id for _, device in alice.vault.scan(PEER_DEVICES)}
    assert old.secrets.device_id not in devices
    assert old_lists


def test_a_verified_contact_whose_new_key_is_accepted_is_to_be_verified_again(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    outcome = alice.call(lambda ticket: alice.direct.compare(ticket, "bob"))
    digits = number(outcome).digits
    assert code(alice.call(lambda ticket: alice.direct.mark_verified(ticket, "bob", digits))) == "Settled"
    assert alice.told(ContactVerified) == [ContactVerified("bob", "number")]
    assert state(alice) is Trust.VERIFIED
    bob.reset_identity()
    bob.say(alice, "new")
    [changed] = alice.told(KeyIsChanged)
    assert changed.was_verified
    assert code(alice.call(lambda ticket: alice.direct.mark_verified(ticket, "bob", digits))) == "key.number_differs"
    trust(alice)
    assert state(alice) is Trust.UNVERIFIED


def test_comparing_the_number_of_a_changed_key_accepts_and_verifies_it(scene: Scene) -> None:
    alice, bob = met(scene)
    alice.say("bob", "held")
    outcome = alice.call(lambda ticket: alice.direct.compare(ticket, "bob"))
    assert number(outcome).state is Trust.CHANGED
    alice.call(lambda ticket: alice.direct.mark_verified(ticket, "bob", number(outcome).digits))
    assert state(alice) is Trust.VERIFIED
    assert bob.texts() == ["held"]


def held_in_history(person: Talker, before: int | None = None) -> tuple[str, ...]:
    found = person.call(lambda ticket: person.direct.conversation(ticket, "bob", before, 5))
    assert isinstance(found, Answered)
    assert isinstance(found.answer, ConversationFound)
    return found.answer.held


def test_what_is_held_can_be_dropped_and_survives_a_restart_until_then(scene: Scene) -> None:
    alice, bob = met(scene)
    alice.say("bob", "one")
    alice.say("bob", "two")
    alice.restart()
    alice.connect()
    scene.settle()
    assert alice.told(KeyIsChanged)[-1].held == 2
    [contact] = [each for each in alice.direct.snapshot if each.name == "bob"]
    assert contact.held == 2
    assert held_in_history(alice) == ("one", "two")
    assert held_in_history(alice, before=1) == ()
    assert code(alice.call(lambda ticket: alice.direct.discard(ticket, ""))) == "Settled"
    assert code(alice.call(lambda ticket: alice.direct.discard(ticket, "bob"))) == "direct.nothing_held"
    assert held_in_history(alice) == ()
    trust(alice)
    assert not bob.texts()
    alice.say("bob", "three")
    [content] = bob.read()
    assert content.seq == 2  # after "before": what was dropped leaves no gap
    found = alice.call(alice.direct.contacts)
    assert isinstance(found, Answered)
    assert isinstance(found.answer, ContactsFound)
    assert [(each.held, each.waiting) for each in found.answer.contacts] == [(0, 0)]


def test_there_is_nothing_to_trust_in_a_key_that_has_not_changed(scene: Scene) -> None:
    alice, _ = scene.person("alice"), Double(scene, "bob").register()
    assert code(trust(alice)) == "user.unknown"
    alice.say("bob", "hello")
    assert code(trust(alice)) == "key.not_changed"


@pytest.mark.negative(24)
@pytest.mark.parametrize("who", ["sender", "receiver"])
def test_a_name_that_is_registered_again_after_deletion_is_a_key_change(scene: Scene, who: str) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    scene.office.accounts[bob.user_id].state = "deleted"
    another = Double(scene, "bob").register()
    alice.disconnect()
    alice.connect()
    if who == "sender":
        alice.say("bob", "held")
    else:
        another.say(alice, "hello, I am bob")
        assert alice.heard()[-1].trust is Trust.QUARANTINED
    assert len(alice.told(KeyIsChanged)) == 1
    assert not another.texts()
    assert code(trust(alice)) == "Settled"
    alice.say("bob", "to the new bob")
    assert another.texts()[-1] == "to the new bob"
    assert another.devices[0].session is not None


def test_the_first_key_is_pinned_with_one_word(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "hello")
    alice.say("bob", "hello")
    assert alice.told(ContactPinned) == [ContactPinned("bob")]
    assert state(alice) is Trust.UNVERIFIED


def test_a_key_pinned_by_an_invite_is_verified_and_another_one_at_first_contact_is_a_change(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    own = bob.identity.public_key.raw
    with alice.vault.transaction() as transaction:
        assert verify_by_invite(transaction, "bob", bob.user_id, own, scene.clock.now_ms()) is Trust.VERIFIED
    alice.say("bob", "hello")
    assert state(alice) is Trust.VERIFIED
    other = IdentitySecret.generate(os.urandom).public_key.raw
    with alice.vault.transaction() as transaction:
        assert verify_by_invite(transaction, "bob", bob.user_id, other, scene.clock.now_ms()) is Trust.CHANGED
    carol = Double(scene, "carol").register()
    with alice.vault.transaction() as transaction:
        verify_by_invite(transaction, "carol", carol.user_id, other, scene.clock.now_ms())
    alice.say("carol", "not to this key")
    assert not carol.texts()
    assert [held.peer for held in alice.told(DirectHeld)] == ["carol"]


def test_two_lists_of_one_version_stop_what_is_sent_until_a_person_decides(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    view = bob.content(bob.devices[0], alice, Kind.ACK, b"").lists
    lying = type(view)(1, bytes([9]) * 32, view.recipient_version, view.recipient_digest)
    bob.say(alice, "I go by another list", lists=lying)
    ticket = alice.say("bob", "held")
    assert [(held.ticket, held.error.code) for held in alice.told(DirectHeld)] == [(ticket, "key.contradicted")]
    assert bob.texts() == ["before"]
    [contradicted] = alice.told(KeyIsContradicted)
    assert (contradicted.peer, contradicted.was_verified) == ("bob", False)
    assert code(trust(alice, b"another key's....")) == "key.changed_again"
    assert code(trust(alice, contradicted.fingerprint)) == "Settled"
    assert isinstance(alice.call(lambda each: alice.direct.compare(each, "bob")), Answered)
    assert bob.texts() == ["held"]


def test_lists_that_contradict_each_other_are_told_of_again_at_the_next_start(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    view = bob.content(bob.devices[0], alice, Kind.ACK, b"").lists
    bob.say(alice, "I go by another list", lists=type(view)(1, bytes([9]) * 32, 1, view.recipient_digest))
    alice.restart()
    alice.connect()
    first, again = alice.told(KeyIsContradicted)
    assert again.fingerprint == first.fingerprint
    assert code(trust(alice, again.fingerprint)) == "Settled"


# --- what was set apart, once its key is accepted --------------------------------------------------


def rows(alice: Talker) -> list[tuple[str, Trust]]:
    found = alice.call(lambda each: alice.direct.conversation(each, "bob", None, 50))
    assert isinstance(found, Answered)
    assert isinstance(found.answer, ConversationFound)
    return [(message.text, message.trust) for message in found.answer.messages if not message.own]


@pytest.mark.negative(65)
def test_what_was_quarantined_is_shown_as_its_key_stands_now(scene: Scene) -> None:
    alice, bob = met(scene)
    bob.say(alice, "never accepted")
    bob.reset_identity()
    bob.say(alice, "accepted")
    bob.send(alice, Kind.TEXT, b"")  # unreadable
    scene.settle()
    quarantined = [("never accepted", Trust.QUARANTINED), ("accepted", Trust.QUARANTINED), ("", Trust.QUARANTINED)]
    assert rows(alice)[1:] == quarantined
    assert code(trust(alice)) == "Settled"
    now = [("never accepted", Trust.QUARANTINED), ("accepted", Trust.UNVERIFIED), ("", Trust.UNVERIFIED)]
    assert rows(alice)[1:] == now
    found = alice.call(lambda each: alice.direct.search(each, "accepted", "bob", 0, 0))
    assert isinstance(found, Answered)
    assert isinstance(found.answer, DirectsFound)
    assert [message.trust for message in found.answer.messages] == [Trust.UNVERIFIED, Trust.QUARANTINED]
    digits = number(alice.call(lambda ticket: alice.direct.compare(ticket, "bob"))).digits
    alice.call(lambda ticket: alice.direct.mark_verified(ticket, "bob", digits))
    assert rows(alice)[2] == ("accepted", Trust.VERIFIED)
    bob.reset_identity()
    bob.say(alice, "later")
    trust(alice)
    assert [text for text, state in rows(alice) if state is Trust.QUARANTINED] == ["never accepted"]
    assert rows(alice)[2] == ("accepted", Trust.UNVERIFIED)  # it is not the key of now
