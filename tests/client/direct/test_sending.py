"""What goes out: for whom it is encrypted, in which order, which bytes are repeated, who is left out and told of it."""

import dataclasses
import itertools
import os

import pytest

from secure_chat.client.direct.events import (
    DeviceLeftOut,
    DirectAccepted,
    DirectDelayed,
    DirectHeard,
    DirectQueued,
    DirectRefused,
    NewDevice,
)
from secure_chat.client.direct.records import OUTGOING, PEER_DEVICES
from secure_chat.client.events import Settled
from secure_chat.directory.prekeys import PrekeyDhKey, SignedPrekey
from secure_chat.e2ee.content import Kind, core_hash
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.limits import DAY_MS, FULL_MAILBOX_SECONDS, MAX_CHAIN_MESSAGES, MAX_TEXT_BYTES, MAX_WAITING_DIRECTS
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from tests.client.direct.double import Double, DoubleDevice
from tests.client.direct.talkers import Scene, Talker


def envelopes(send: c.DirectSend) -> list[Envelope]:
    return [Envelope.parse(part.envelope) for part in send.parts if part.envelope]


def refusals(talker: Talker) -> list[str]:
    return [refused.error.code for refused in talker.told(DirectRefused)]


# --- order and repetition ------------------------------------------------------------------------


def test_what_is_typed_without_a_connection_waits_in_the_vault_through_restarts_and_goes_in_order(scene: Scene) -> None:
    alice, bob = scene.person("alice", connects=False), scene.person("bob")
    for number in range(5):
        alice.say("bob", str(number))
    assert [queued.waiting for queued in alice.told(DirectQueued)] == [1, 2, 3, 4, 5]
    alice.restart()
    alice.connect()
    scene.settle()
    assert bob.texts() == ["0", "1", "2", "3", "4"]
    own = [event for event in alice.told(DirectHeard) if event.message.own]
    assert [(event.message.text, event.ticket) for event in own] == [(str(number), None) for number in range(5)]


def test_when_the_answer_is_lost_the_same_bytes_go_again_and_arrive_once(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "first")
    scene.office.answers = lambda key, asked: (
        scene.office.decide(key, asked)[:0] if isinstance(asked, c.DirectSend) else None
    )
    alice.say("bob", "second")
    assert not [each for each in alice.told(DirectAccepted) if each.row == 2]
    alice.disconnect()
    alice.restart()
    scene.office.answers = lambda _key, _asked: None
    alice.connect()
    scene.settle()
    first, second = alice.sends()[-2:]
    assert first.parts == second.parts
    assert bob.texts() == ["first", "second"]


def test_an_own_message_has_its_row_and_its_ticket_when_the_server_has_it(scene: Scene) -> None:
    alice, _ = scene.pair()
    ticket = alice.say("bob", "hello")
    [heard], [accepted] = alice.told(DirectHeard), alice.told(DirectAccepted)
    assert (heard.ticket, heard.message.own, heard.message.row, heard.late) == (ticket, True, 1, False)
    assert (accepted.ticket, accepted.peer, accepted.row, accepted.time) == (ticket, "bob", 1, scene.clock.now_ms())
    assert alice.events.index(heard) < alice.events.index(accepted)
    assert not alice.vault.scan(OUTGOING)


@pytest.mark.negative(54)
def test_seq_and_prev_chain_the_counted_messages_alike_on_all_devices(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(2)
    for number in range(3):
        alice.say("bob", str(number))
    bob.add_device()  # one that starts in the middle
    alice.say("bob", "3")
    alice.call(lambda ticket: alice.direct.reset_session(ticket, "bob"))  # not counted
    alice.say("bob", "4")
    views = [[content for content in bob.read(device) if content.kind == Kind.TEXT] for device in bob.devices]
    longest = max(views, key=len)
    assert [content.seq for content in longest] == [1, 2, 3, 4, 5]
    assert longest[0].prev == bytes(32)
    assert all(after.prev == core_hash(before) for before, after in itertools.pairwise(longest))
    for view in views:
        assert [content.core() for content in view] == [content.core() for content in longest[-len(view) :]]
    assert sorted(len(view) for view in views) == [2, 5, 5]


def test_a_text_that_is_too_long_or_one_too_many_comes_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = scene.person("alice", connects=False)
    alice.say("bob", "x" * (MAX_TEXT_BYTES + 1))
    assert refusals(alice) == ["encoding.invalid"]
    monkeypatch.setattr("secure_chat.client.direct.waiting.MAX_WAITING_DIRECTS", 2)
    assert MAX_WAITING_DIRECTS > 2
    for _ in range(3):
        alice.say("bob", "y")
    assert refusals(alice)[1:] == ["net.queue_full"]
    alice.say("alice", "to myself")
    assert refusals(alice)[2:] == ["direct.self"]


# --- devices -------------------------------------------------------------------------------------


@pytest.mark.negative(53)
def test_eight_devices_with_the_largest_text_fit_one_frame(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(8)
    alice.say("bob", "x" * MAX_TEXT_BYTES)
    [send] = alice.sends()
    assert len(envelopes(send)) == 8
    assert len(encode(send)) < 141_500
    assert all(bob.texts(device) == ["x" * MAX_TEXT_BYTES] for device in bob.devices)


@pytest.mark.negative(52)
@pytest.mark.parametrize("fault", ["missing", "invalid", "old", "swapped"])
def test_a_device_without_good_keys_is_left_out_and_said_once_and_the_others_get_it(scene: Scene, fault: str) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(3)
    bad = bob.devices[1]
    shelf = scene.office.shelves[bob.key(bad)]
    match fault:
        case "missing":
            del scene.office.shelves[bob.key(bad)]
        case "invalid":
            shelf.signed = shelf.signed[:-1] + bytes([shelf.signed[-1] ^ 1])
        case "old":
            shelf.signed = _signed_prekey(bad, bob, scene.clock.now_ms() - 61 * DAY_MS)
        case _:
            shelf.signed = bob.devices[0].prekey.published.encode()
    alice.say("bob", "one")
    alice.say("bob", "two")
    assert bob.texts(bob.devices[0]) == bob.texts(bob.devices[2]) == ["one", "two"]
    omitted = [[part.omitted for part in send.parts] for send in alice.sends()]
    number = {"missing": 1, "old": 3}.get(fault, 2)
    assert omitted == [[0, number, 0]] * 2
    assert len(alice.told(DeviceLeftOut)) == 1


def _signed_prekey(device: DoubleDevice, owner: Double, created: int, suite: int = 1) -> bytes:
    """Another signed prekey of that device."""
    made = SignedPrekeySecret.generate(device.secrets, owner.user_id, os.urandom, created)
    prekey = dataclasses.replace(made.published.prekey, suite_max=suite)
    signature = device.secrets.sign(prekey.signing_payload(owner.user_id, device.secrets.device_id))
    device.prekey = SignedPrekeySecret(
        made.secret, dataclasses.replace(made.published, prekey=prekey, signature=signature)
    )
    return device.prekey.published.encode()


@pytest.mark.negative(50)
@pytest.mark.negative(74)
@pytest.mark.parametrize(
    ("age_ms", "suite", "taken"),
    [
        (59 * DAY_MS, 2, True),
        (61 * DAY_MS, 2, False),
        (-25 * 60 * 60 * 1000, 2, False),
        (-23 * 60 * 60 * 1000, 2, True),
        (1000, 1, False),
    ],
    ids=["59 days old", "61 days old", "25 hours ahead", "23 hours ahead", "a lower suite than before"],
)
def test_a_signed_prekey_that_is_too_old_too_new_or_of_a_lower_suite_opens_no_session(
    scene: Scene, age_ms: int, suite: int, taken: bool
) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    device = bob.devices[0]
    scene.office.shelves[bob.key(device)].signed = _signed_prekey(device, bob, scene.clock.now_ms() - 60 * DAY_MS, 2)
    alice.say("bob", "first")
    if not alice.told(DirectAccepted):
        pytest.fail("the first session must open")
    scene.office.shelves[bob.key(device)].signed = _signed_prekey(device, bob, scene.clock.now_ms() - age_ms, suite)
    alice.call(lambda ticket: alice.direct.reset_session(ticket, "bob"))
    assert (len(alice.sends()) == 2) is taken


@pytest.mark.negative(50)
def test_an_older_signed_prekey_than_one_seen_before_is_refused(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    device = bob.devices[0]
    alice.say("bob", "first")
    scene.office.shelves[bob.key(device)].signed = _signed_prekey(device, bob, scene.clock.now_ms() - DAY_MS)
    alice.call(lambda ticket: alice.direct.reset_session(ticket, "bob"))
    assert len(alice.sends()) == 1


@pytest.mark.negative(69)
def test_a_bundle_with_an_own_key_in_whatever_form_opens_no_session(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    device = bob.devices[0]
    own = alice.new.device.keys.dh_key.raw
    for key in (own, own[:31] + bytes([own[31] | 0x80])):
        prekey = device.prekey.published.prekey
        stolen = SignedPrekey(prekey.prekey_id, 1, PrekeyDhKey(key), prekey.kem_key, prekey.created)
        signature = device.secrets.sign(stolen.signing_payload(bob.user_id, device.secrets.device_id))
        published = dataclasses.replace(device.prekey.published, prekey=stolen, signature=signature)
        scene.office.shelves[bob.key(device)].signed = published.encode()
        alice.say("bob", "hello")
    assert refusals(alice) == ["direct.no_keys"] * 2
    assert not alice.sends()


@pytest.mark.negative(8)
def test_a_device_that_the_server_adds_without_the_identitys_signature_is_never_encrypted_to(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    spy = bob._new_device()
    honest = list(bob.devices)
    bob.devices = sorted([*honest, spy], key=lambda each: each.secrets.device_id)
    forged = bob.signed_list()
    forged = dataclasses.replace(forged, signature=bytes(64))
    bob.devices = honest
    scene.office.add_list(bob.user_id, forged.encode())
    scene.office.put_signed(bob.key(spy), spy.prekey.published.encode())
    alice.say("bob", "secret")
    assert refusals(alice) == ["signature.invalid"]
    for send in alice.sends():
        assert spy.secrets.device_id not in [part.device_id for part in send.parts]


@pytest.mark.negative(7)
@pytest.mark.parametrize("fault", ["wrong link", "gap", "forked", "older", "another name"])
def test_a_list_that_does_not_continue_the_known_one_is_not_used(scene: Scene, fault: str) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    before = len(alice.sends())
    account = scene.office.accounts[bob.user_id]
    bob.devices = sorted([*bob.devices, bob._new_device()], key=lambda each: each.secrets.device_id)
    match fault:
        case "wrong link":
            account.lists.append(bob.signed_list(prev_hash=bytes([1]) * 32).encode())
        case "gap":
            account.lists.append(bob.signed_list(version=3).encode())
        case "forked":
            account.lists.append(bob.signed_list(version=1, prev_hash=bytes(32)).encode())
        case "older":
            scene.office.answers = lambda _key, asked: (
                [e.DeviceLists(asked.id, bob.user_id, "bob", "enabled", account.lists[:1], False)]
                if isinstance(asked, c.DeviceListQuery)
                else [e.DevicesStale(asked.id, bob.user_id, account.lists[:1])]
                if isinstance(asked, c.DirectSend)
                else None
            )
        case _:
            account.lists.append(bob.signed_list(name="bobby").encode())
    alice.say("bob", "after")
    taken = [send for send in alice.sends()[before:] if len(send.parts) == 2]
    assert not taken
    assert not [each for each in alice.told(DirectHeard) if each.message.text == "after"]


@pytest.mark.negative(38)
@pytest.mark.parametrize("fault", ["an old number with new keys", "an old key under a new number"])
def test_a_list_in_which_a_known_device_has_changed_is_refused(scene: Scene, fault: str) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    known = bob.devices[0].secrets
    if fault.startswith("an old number"):
        fresh = DeviceSecrets.generate(os.urandom)
        changed = DeviceSecrets(known.device_id, fresh.signing_seed, fresh.dh_secret)
    else:
        changed = DeviceSecrets(DeviceSecrets.generate(os.urandom).device_id, known.signing_seed, known.dh_secret)
    bob.devices = [dataclasses.replace(bob.devices[0], secrets=changed)]
    bob.publish_list()
    alice.disconnect()
    alice.connect()
    alice.say("bob", "after")
    assert refusals(alice) == ["device_list.invalid"]


@pytest.mark.negative(52)
def test_after_a_stale_answer_only_the_missing_device_is_encrypted_for(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(1)
    alice.say("bob", "before")
    bob.add_device()
    alice.say("bob", "after")
    stale, taken = alice.sends()[-2:]
    old = {part.device_id: part.envelope for part in stale.parts}
    new = {part.device_id: part.envelope for part in taken.parts}
    assert len(old) == 1
    assert len(new) == 2
    [number] = old
    assert new[number] == old[number]
    places = [
        envelope.n for send in alice.sends() for envelope in envelopes(send) if envelope.recipient.device_id == number
    ]
    assert places == [0, 1, 1]  # the same bytes twice: no place was burnt
    assert alice.told(NewDevice) == [NewDevice("bob")]


@pytest.mark.negative(53)
def test_a_full_device_blocks_neither_the_others_nor_its_own_order(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(2)
    slow, quick = bob.devices
    alice.say("bob", "0")
    scene.office.capacity = 1
    assert bob.texts(quick) == ["0"]
    for number in range(1, 4):
        alice.say("bob", str(number))
        assert bob.texts(quick) == [str(number)]
    assert bob.texts(slow) == ["0"]
    assert len(alice.told(DirectAccepted)) == 4
    assert len(alice.told(DeviceLeftOut)) == 1
    received = []
    for _ in range(5):
        scene.pass_seconds(FULL_MAILBOX_SECONDS * 60)
        received += bob.texts(slow)
        assert not bob.texts(quick)
    assert received == ["1", "2", "3"]
    omissions = [[part.omitted for part in send.parts] for send in alice.sends()]
    assert sorted(omissions[-1]) == [0, 5]


def test_to_somebody_whose_only_device_is_full_the_same_message_is_tried_again_later(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    scene.office.capacity = 1
    alice.say("bob", "0")
    alice.say("bob", "1")
    alice.say("bob", "2")
    [delayed] = alice.told(DirectDelayed)
    assert (delayed.error.code, delayed.seconds) == ("direct.full", FULL_MAILBOX_SECONDS)
    assert bob.texts() == ["0"]
    scene.pass_seconds(FULL_MAILBOX_SECONDS + 1)
    assert bob.texts() == ["1"]
    scene.pass_seconds(2 * FULL_MAILBOX_SECONDS + 1)
    assert bob.texts() == ["2"]
    for first, second in ((1, 2), (3, 4)):
        assert alice.sends()[first].parts == alice.sends()[second].parts


# --- sessions ------------------------------------------------------------------------------------


@pytest.mark.negative(51)
def test_after_five_hundred_messages_or_seven_days_the_next_one_opens_a_new_session(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secure_chat.limits.MAX_CHAIN_MESSAGES", 5)
    assert MAX_CHAIN_MESSAGES == 500
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    for number in range(6):
        alice.say("bob", str(number))
    tags = [envelope.sid8 for send in alice.sends() for envelope in envelopes(send)]
    assert len(set(tags[:5])) == 1
    assert tags[5] != tags[4]
    scene.clock.pass_seconds(7 * 24 * 3600)
    alice.say("bob", "next week")
    [envelope] = envelopes(alice.sends()[-1])
    assert envelope.sid8 != tags[5]
    assert bob.texts() == [*map(str, range(6)), "next week"]


@pytest.mark.negative(51)
def test_who_is_only_written_to_acknowledges_within_a_minute_and_two_silent_people_do_not_go_on_for_ever(
    scene: Scene,
) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "hello")
    assert not bob.sends()
    for _ in range(60):
        scene.pass_seconds(1)
    assert len(bob.sends()) == 1
    assert not bob.told(DirectAccepted)  # it makes no row and no notice
    assert not alice.texts()
    alice.say("bob", "again")
    [envelope] = envelopes(alice.sends()[-1])
    assert envelope.init is None
    before = len(scene.office.asked)
    for _ in range(30):
        scene.pass_seconds(60)
    later = [asked for _, asked in scene.office.asked[before:] if isinstance(asked, c.DirectSend)]
    assert len(later) <= 2


def test_an_owed_acknowledgement_survives_a_restart(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "hello")
    bob.restart()
    bob.connect()
    scene.pass_seconds(60)
    assert len(bob.sends()) == 1


def test_two_people_who_write_at_once_settle_on_one_session(scene: Scene) -> None:
    alice, bob = scene.person("alice", connects=False), scene.person("bob", connects=False)
    for person, other in ((alice, "bob"), (bob, "alice")):
        person.say(other, "at once")
    alice.connect()
    bob.connect()
    scene.settle()
    for number in range(3):
        alice.say("bob", f"a{number}")
        bob.say("alice", f"b{number}")
    assert bob.texts() == ["at once", "a0", "a1", "a2"]
    assert alice.texts() == ["at once", "b0", "b1", "b2"]
    last = {envelopes(person.sends()[-1])[0].sid8 for person in (alice, bob)}
    assert len(last) == 1


def test_a_fresh_session_by_hand_supersedes_the_old_one(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "one")
    bob.say("alice", "two")
    outcome = alice.call(lambda ticket: alice.direct.reset_session(ticket, "bob"))
    assert isinstance(getattr(outcome, "answer", None), Settled)
    alice.say("bob", "three")
    bob.say("alice", "four")
    sessions = [session for _, device in bob.vault.scan(PEER_DEVICES) for session in device.sessions]
    assert len(sessions) == 2
    newest = max(sessions, key=lambda session: session.gen)
    assert envelopes(bob.sends()[-1])[0].sid8 == newest.sid8
    assert (bob.texts(), alice.texts()) == (["one", "three"], ["two", "four"])


@pytest.mark.negative(48)
def test_after_a_reset_of_all_no_old_prekey_opens_anything_and_the_next_message_does(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.disconnect()
    bob.say("alice", "made for the old keys")
    alice.call(lambda ticket: alice.direct.reset_session(ticket, "all"))
    alice.connect()
    scene.settle()
    [message] = alice.heard()
    assert message.reason == "it was made for a key that this device does not have any more"
    bob.say("alice", "for the new ones")
    assert alice.texts()[-1] == "for the new ones"


# --- people --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "code"), [("disabled", "user.disabled"), ("deleted", "user.disabled")])
def test_to_an_account_that_is_gone_nothing_is_sent_and_the_text_comes_back(
    scene: Scene, state: str, code: str
) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    scene.office.accounts[bob.user_id].state = state
    alice.say("bob", "hello")
    [refused] = alice.told(DirectRefused)
    assert (refused.error.code, refused.text) == (code, "hello")
    assert not alice.sends()


def test_a_server_that_finds_every_list_stale_is_not_asked_for_ever(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    newest = scene.office.accounts[bob.user_id].lists
    scene.office.answers = lambda _key, asked: (
        [e.DevicesStale(asked.id, bob.user_id, newest)] if isinstance(asked, c.DirectSend) else None
    )
    alice.say("bob", "hello")
    assert refusals(alice) == ["server.nonsense"]
