"""What is known to have arrived at a device, and what is said of the rest when that device is replaced."""

import pytest

from secure_chat.client.direct.events import MayBeLost, NewDevice
from secure_chat.client.direct.records import PEER_DEVICES
from secure_chat.e2ee.content import Kind
from tests.client.direct.double import Double, ack
from tests.client.direct.talkers import Scene, Talker

NOTHING = MayBeLost("bob", 0, 0)


@pytest.fixture
def pair(scene: Scene) -> tuple[Talker, Double]:
    return scene.person("alice"), Double(scene, "bob").register()


def recovered(scene: Scene, alice: Talker, bob: Double) -> MayBeLost:
    """Bob comes back on a new device, and alice hears of it; what she was told of what is lost."""
    scene.pass_seconds(1)
    old = bob.devices[0]
    bob.devices = [bob._new_device()]
    bob.publish_list()
    scene.office.mailboxes.pop(bob.key(old), None)  # it ends with its device
    before, lost = len(alice.told(NewDevice)), len(alice.told(MayBeLost))
    alice.say("bob", "are you back?")
    assert alice.told(NewDevice)[before:] == [NewDevice("bob", replaces=True)]
    assert bob.texts() == ["are you back?"]
    return next(iter(alice.told(MayBeLost)[lost:]), NOTHING)


def say(scene: Scene, alice: Talker, *texts: str) -> None:
    for text in texts:
        scene.pass_seconds(1)
        alice.say("bob", text)


def answers(scene: Scene, alice: Talker, bob: Double) -> None:
    """Bob fetches what there is, and his device says so."""
    bob.read()
    bob.send(alice, Kind.ACK, ack())
    scene.settle()


def test_what_nothing_was_heard_after_is_counted_from_its_first_message_on(
    scene: Scene, pair: tuple[Talker, Double]
) -> None:
    alice, bob = pair
    scene.pass_seconds(1)
    first = scene.clock.now_ms()
    alice.say("bob", "one")
    say(scene, alice, "two", "three")
    assert recovered(scene, alice, bob) == MayBeLost("bob", 3, first)


def test_what_an_ack_covers_has_arrived(scene: Scene, pair: tuple[Talker, Double]) -> None:
    alice, bob = pair
    say(scene, alice, "one")
    answers(scene, alice, bob)
    assert recovered(scene, alice, bob) == NOTHING


def test_of_a_chain_an_answer_covers_the_first_message_and_all_before_it(
    scene: Scene, pair: tuple[Talker, Double]
) -> None:
    alice, bob = pair
    say(scene, alice, "one", "two")
    answers(scene, alice, bob)
    say(scene, alice, "three")
    third = scene.clock.now_ms()
    answers(scene, alice, bob)
    say(scene, alice, "four", "five")
    told = recovered(scene, alice, bob)
    assert told.count == 2
    assert told.since > third


def test_an_answer_to_an_earlier_chain_covers_nothing_of_this_one(scene: Scene, pair: tuple[Talker, Double]) -> None:
    alice, bob = pair
    say(scene, alice, "one")
    bob.read()
    bob.say(alice, "first")
    bob.say(alice, "second, on the same chain")
    say(scene, alice, "two")
    bob.say(alice, "third, written before two was read")
    assert recovered(scene, alice, bob).count == 1


def test_own_acknowledgements_are_no_messages_and_what_they_open_counts(
    scene: Scene, pair: tuple[Talker, Double]
) -> None:
    alice, bob = pair
    bob.say(alice, "hello")
    scene.pass_seconds(60)  # alice's device acknowledges it
    answers(scene, alice, bob)
    say(scene, alice, "one")
    assert recovered(scene, alice, bob).count == 1


def test_it_survives_a_restart_and_begins_anew_with_each_device(scene: Scene, pair: tuple[Talker, Double]) -> None:
    alice, bob = pair
    say(scene, alice, "one", "two")
    alice.restart()
    alice.connect()
    assert recovered(scene, alice, bob).count == 2
    assert recovered(scene, alice, bob).count == 1  # "are you back?"
    answers(scene, alice, bob)
    assert recovered(scene, alice, bob).count == 0


def test_a_device_to_which_nothing_was_sent_has_lost_nothing(scene: Scene, pair: tuple[Talker, Double]) -> None:
    alice, bob = pair
    bob.say(alice, "hello")
    assert recovered(scene, alice, bob) == NOTHING


def test_one_more_device_loses_nothing(scene: Scene, pair: tuple[Talker, Double]) -> None:
    alice, bob = pair
    say(scene, alice, "one")
    bob.add_device()
    alice.say("bob", "two")
    assert alice.told(NewDevice) == [NewDevice("bob")]
    assert not alice.told(MayBeLost)


def test_what_a_lost_identity_has_not_fetched_is_told_once_the_new_one_is_accepted(
    scene: Scene, pair: tuple[Talker, Double]
) -> None:
    alice, bob = pair
    say(scene, alice, "one")
    answers(scene, alice, bob)
    say(scene, alice, "two")
    second = scene.clock.now_ms()
    scene.office.mailboxes.pop(bob.key(bob.devices[0]), None)
    bob.reset_identity()
    say(scene, alice, "held, and not lost")
    assert not alice.told(MayBeLost)
    alice.call(lambda ticket: alice.direct.trust(ticket, "bob", b""))
    assert alice.told(MayBeLost) == [MayBeLost("bob", 1, second)]
    assert bob.texts() == ["held, and not lost"]


def test_what_is_remembered_of_chains_is_of_sessions_that_there_are(scene: Scene, pair: tuple[Talker, Double]) -> None:
    alice, bob = pair
    for _ in range(8):
        alice.call(lambda ticket: alice.direct.reset_session(ticket, "bob"))
        bob.read()
        say(scene, alice, "hello")
    [(_, device)] = list(alice.vault.scan(PEER_DEVICES))
    assert {each.sid8 for each in device.begun} <= {session.sid8 for session in device.sessions}
