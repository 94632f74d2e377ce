"""What is opened and what is not: the order of the checks, placeholders with their reasons, limits, what follows."""

import random

import pytest

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.dropping import drop_all_sessions
from secure_chat.client.direct.events import KeyIsContradicted, MessageKind, Trust
from secure_chat.client.direct.records import PEER_DEVICES, SEEN_ENVELOPES
from secure_chat.client.events import Told
from secure_chat.e2ee.bodies import TextBody
from secure_chat.e2ee.content import Group, Kind, Seen
from secure_chat.e2ee.envelope import Envelope
from secure_chat.limits import DAY_MS, FAILED_OPENS_SECONDS, MAX_FAILED_OPENS, MAX_SENT_AHEAD_SECONDS
from secure_chat.protocol import commands as c
from tests.client.direct.double import Double
from tests.client.direct.talkers import Scene, Talker

TEXT = TextBody(ref=None, text="hello").encode()


def forget_envelopes(talker: Talker) -> None:
    """As if more than forty days had passed for these alone."""
    with talker.vault.transaction() as transaction:
        for row_id, _ in transaction.scan(SEEN_ENVELOPES):
            transaction.delete(SEEN_ENVELOPES, row_id)
    talker.direct._seen._known = None  # read anew


def deliver(scene: Scene, to: Talker, envelope: bytes, sender: Double) -> None:
    scene.office.put(to.key, envelope, sender.key(sender.devices[0]))
    scene.settle()


def reasons(talker: Talker) -> list[str]:
    return [message.reason for message in talker.heard() if message.kind is MessageKind.UNREADABLE]


# --- each once -----------------------------------------------------------------------------------


@pytest.mark.negative(13)
def test_an_envelope_that_comes_again_is_acknowledged_and_not_shown_again_also_after_a_restart(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    envelope = bob.say(alice, "once")
    deliver(scene, alice, envelope, bob)
    alice.restart()
    deliver(scene, alice, envelope, bob)
    alice.connect()
    scene.settle()
    assert alice.texts() == ["once"]
    assert not scene.office.mailboxes[alice.key]


@pytest.mark.negative(13)
@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 1000))])
def test_whatever_order_and_repetition_the_server_chooses_each_message_is_shown_once(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    device = bob.devices[0]
    envelopes = []
    for number in range(12):
        if number in (5, 8, 10) and chance.random() < 0.7:
            bob.begin(device, alice)  # a new session in between; of more than five the oldest go
        envelopes.append(bob.sealed(device, alice, Kind.TEXT, TextBody(ref=None, text=str(number)).encode()))
    schedule = envelopes + chance.choices(envelopes, k=8)
    chance.shuffle(schedule)
    for envelope in schedule:
        scene.office.put(alice.key, envelope, bob.key(device))
        if chance.random() < 0.3:
            scene.settle()
        if chance.random() < 0.1:
            alice.restart()
            alice.connect()
    scene.settle()
    assert sorted(alice.texts(), key=int) == [str(number) for number in range(12)]
    assert not reasons(alice)


@pytest.mark.negative(3)
@pytest.mark.parametrize("restarts", [False, True])
def test_a_first_message_that_is_replayed_after_its_session_is_gone_is_not_opened(scene: Scene, restarts: bool) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    scene.office.shelves[alice.key].one_time.clear()  # the last resort
    envelope = bob.say(alice, "once")
    assert (init := Envelope.parse(envelope).init) is not None
    assert init.otp_id is None
    forget_envelopes(alice)
    with alice.vault.transaction() as transaction:
        desk = Desk(transaction)
        drop_all_sessions(desk, scene.clock.now_ms())
        desk.write()
    if restarts:
        alice.restart()
        alice.connect()
    deliver(scene, alice, envelope, bob)
    assert alice.texts()[:1] == ["once"]
    assert reasons(alice) == ["it begins a session that was begun before"]
    assert alice.heard()[-1].text == ""


@pytest.mark.negative(64)
def test_an_ephemeral_key_seen_before_costs_no_key_work_whatever_one_time_prekey_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    envelope = bob.say(alice, "once")
    forget_envelopes(alice)
    with alice.vault.transaction() as transaction:
        for row_id, _ in transaction.scan(PEER_DEVICES):
            transaction.delete(PEER_DEVICES, row_id)

    def worked(*_: object) -> None:
        raise AssertionError("a key was computed with")

    monkeypatch.setattr("secure_chat.e2ee.setup.accept", worked)
    parsed = Envelope.parse(envelope)
    assert parsed.init is not None
    start = envelope.index(parsed.init.encode())
    assert parsed.init.otp_id is not None
    altered = parsed.init.encode().replace(parsed.init.otp_id, b"otherotp")
    deliver(scene, alice, envelope[:start] + altered + envelope[start + len(altered) :], bob)
    assert reasons(alice) == ["it begins a session that was begun before"]


# --- who and where -------------------------------------------------------------------------------


@pytest.mark.negative(11)
def test_an_envelope_for_somebody_else_is_not_looked_at(scene: Scene) -> None:
    alice, carol = scene.person("alice"), scene.person("carol")
    bob = Double(scene, "bob").register()
    envelope = bob.sealed(bob.devices[0], carol, Kind.TEXT, TEXT)
    deliver(scene, alice, envelope, bob)
    assert not alice.heard()
    assert not scene.office.mailboxes[alice.key]


@pytest.mark.negative(11)
def test_an_envelope_given_another_addressee_does_not_open(scene: Scene) -> None:
    alice, carol = scene.person("alice"), scene.person("carol")
    bob = Double(scene, "bob").register()
    bob.say(alice, "before")
    bob.devices[0].session = None
    envelope = bob.sealed(bob.devices[0], carol, Kind.TEXT, TEXT)
    redirected = envelope.replace(carol.key[0], alice.key[0]).replace(
        carol.key[1].to_bytes(4, "big"), alice.key[1].to_bytes(4, "big"), 1
    )
    deliver(scene, alice, redirected, bob)
    assert alice.texts() == ["before", ""]
    assert len(reasons(alice)) == 1


@pytest.mark.negative(12)
def test_an_own_envelope_that_comes_back_is_not_opened_whichever_way_it_says_it_goes(scene: Scene) -> None:
    alice, bob = scene.pair()
    bob.say("alice", "hello")
    alice.say("bob", "to bob")
    [envelope] = [part.envelope for send in alice.sends() for part in send.parts if part.envelope][-1:]
    scene.office.put(alice.key, envelope, bob.key)
    scene.settle()
    own = alice.key[0] + alice.key[1].to_bytes(4, "big")
    others = bob.key[0] + bob.key[1].to_bytes(4, "big")
    swapped = envelope[:3] + bytes(15) + b"\x01" + others + own + envelope[59:]
    scene.office.put(alice.key, swapped, bob.key)
    scene.settle()
    assert alice.texts() == ["hello", ""]
    assert len(reasons(alice)) == 1


@pytest.mark.negative(46)
def test_an_envelope_from_a_user_whom_nobody_knows_makes_no_row_and_no_answer(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    envelope = bob.sealed(bob.devices[0], alice, Kind.TEXT, TEXT)
    del scene.office.accounts[bob.user_id]
    deliver(scene, alice, envelope, bob)
    assert not alice.heard()
    assert not scene.office.mailboxes[alice.key]
    assert not alice.sends()


@pytest.mark.negative(38)
def test_from_a_removed_device_neither_a_beginning_nor_a_message_on_an_old_session_is_opened(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(2)
    removed = bob.devices[0]
    bob.say(alice, "from both")
    before = bob.sealed(removed, alice, Kind.TEXT, TEXT)
    kept_lists, session = list(bob.lists), removed.session
    bob.remove_device(removed)
    bob.say(alice, "from the other")
    assert alice.texts() == ["from both", "from the other"]
    scene.office.put(alice.key, before, (bob.user_id, removed.secrets.device_id))
    bob.lists, removed.session = kept_lists, None
    beginning = bob.sealed(removed, alice, Kind.TEXT, TEXT)
    scene.office.put(alice.key, beginning, (bob.user_id, removed.secrets.device_id))
    scene.settle()
    assert session is not None
    assert reasons(alice) == ["it is from a device that bob has removed"] * 2
    assert not scene.office.mailboxes[alice.key]
    assert {device.device_id for _, device in alice.vault.scan(PEER_DEVICES)} == {bob.devices[0].secrets.device_id}


# --- what cannot be opened -----------------------------------------------------------------------


@pytest.mark.negative(45)
def test_a_message_whose_key_has_expired_leaves_a_row(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    device = bob.devices[0]
    bob.say(alice, "first")
    late = bob.sealed(device, alice, Kind.TEXT, TEXT)
    bob.say(alice, "second")
    scene.clock.pass_seconds(36 * DAY_MS / 1000)
    deliver(scene, alice, late, bob)
    assert alice.texts() == ["first", "second", ""]
    assert reasons(alice) == ["its key was used or has expired"]


@pytest.mark.negative(45)
def test_after_twenty_that_do_not_open_the_next_ones_wait_for_a_minute_and_none_is_dropped(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "first")
    device = bob.devices[0]
    for _ in range(MAX_FAILED_OPENS + 5):
        envelope = bytearray(bob.sealed(device, alice, Kind.TEXT, TEXT))
        envelope[-1] ^= 1
        scene.office.put(alice.key, bytes(envelope), bob.key(device))
    good = bob.sealed(device, alice, Kind.TEXT, TextBody(ref=None, text="at last").encode())
    scene.office.put(alice.key, good, bob.key(device))
    scene.settle()
    assert len(reasons(alice)) == MAX_FAILED_OPENS
    assert len(scene.office.mailboxes[alice.key]) == 6
    deferred = [asked for _, asked in scene.office.asked if isinstance(asked, c.DirectDefer)]
    assert sum(len(asked.envelope_ids) for asked in deferred) == 6
    scene.pass_seconds(FAILED_OPENS_SECONDS + 1)
    scene.pass_seconds(1)
    assert len(reasons(alice)) == MAX_FAILED_OPENS + 5
    assert alice.texts()[-1] == "at last"
    assert not scene.office.mailboxes[alice.key]


@pytest.mark.negative(63)
def test_a_session_from_two_days_ahead_is_not_begun(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    device = bob.devices[0]
    device.generation = (scene.clock.now_ms() + 2 * DAY_MS) // 1000
    bob.begin(device, alice)
    bob.say(alice, "from the future")
    assert reasons(alice) == ["its session comes from the future: one of the clocks is wrong"]


def test_after_something_unreadable_one_fresh_session_is_opened_and_the_next_message_opens(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "one")
    bob.say("alice", "two")
    with alice.vault.transaction() as transaction:
        for row_id, _ in transaction.scan(PEER_DEVICES):
            transaction.delete(PEER_DEVICES, row_id)
    scene.pass_seconds(1)
    bob.say("alice", "lost")
    assert reasons(alice) == ["its session is not known here"]
    bob.say("alice", "found")
    assert alice.texts()[-1] == "found"
    assert not reasons(bob)


@pytest.mark.negative(46)
def test_two_devices_that_lost_their_state_settle_within_bounds(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "one")
    bob.say("alice", "two")
    for person in (alice, bob):
        with person.vault.transaction() as transaction:
            for row_id, _ in transaction.scan(PEER_DEVICES):
                transaction.delete(PEER_DEVICES, row_id)
    scene.pass_seconds(1)
    before = len(scene.office.asked)
    alice.say("bob", "three")
    bob.say("alice", "four")
    scene.pass_seconds(120)
    assert len(scene.office.asked) - before < 60
    alice.say("bob", "five")
    bob.say("alice", "six")
    assert bob.texts()[-1] == "five"
    assert alice.texts()[-1] == "six"


@pytest.mark.negative(46)
def test_junk_in_a_contacts_name_opens_one_session_in_ten_minutes_and_then_ever_fewer(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "hello")
    scene.pass_seconds(60)
    before = len(alice.sends())
    for _ in range(24 * 60 // 10):
        envelope = bytearray(bob.sealed(bob.devices[0], alice, Kind.TEXT, TEXT))
        envelope[-1] ^= 1
        deliver(scene, alice, bytes(envelope), bob)
        scene.pass_seconds(600)
    assert 5 <= len(alice.sends()) - before <= 8  # at 0, 10, 30, 70, 150, 310, 630, 1270 minutes


# --- contents ------------------------------------------------------------------------------------


def test_a_later_versions_kinds_are_kept_whole_shown_as_such_and_never_answered(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "hello")
    scene.pass_seconds(60)
    before = len(alice.sends())
    group = Group(bytes([7]) * 32, 1, bytes([8]) * 32)
    seen = (Seen(alice.key[0], alice.key[1], 3),)
    for kind in (Kind.EDIT, Kind.REACTION, Kind.ATTACHMENT, 40, 200):
        bob.send(alice, kind, b"whatever it is" * 3, seq=bob.devices[0].seq + 1, prev=bob.devices[0].prev)
    for kind in (Kind.RECEIPT, Kind.TYPING, Kind.RETRY):
        bob.send(alice, kind, b"\x01")
    bob.say(alice, "in a group", group=group)
    bob.say(alice, "with everything", seen=seen, orig_env=bytes([9]) * 16, sth_size=5, sth_root=bytes([3]) * 32)
    kinds = [message.kind for message in alice.heard()]
    assert kinds == [MessageKind.TEXT, *[MessageKind.UNKNOWN] * 9, MessageKind.TEXT]
    assert alice.texts()[-1] == "with everything"
    assert len(alice.sends()) == before


def test_what_only_own_devices_may_send_is_dropped_and_said(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.send(alice, Kind.SYNC_PIN, b"pin mallory for me")
    scene.settle()
    assert not alice.heard()
    assert [told.error.code for told in alice.told(Told)] == ["direct.misplaced"]


def test_expired_content_is_dropped_and_a_doubtful_time_is_marked(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    now = scene.clock.now_ms()
    bob.say(alice, "gone", sent_at=now - 5000, expire_s=4)
    bob.say(alice, "still there", sent_at=now - 5000, expire_s=60)
    bob.say(alice, "from tomorrow", sent_at=now + (MAX_SENT_AHEAD_SECONDS + 1) * 1000)
    bob.say(alice, "from last year", sent_at=now - 365 * DAY_MS)
    assert alice.texts() == ["still there", "from tomorrow", "from last year"]
    assert [message.doubtful_time for message in alice.heard()] == [False, True, True]


@pytest.mark.negative(72)
def test_after_a_session_close_late_messages_open_and_answers_go_on_a_new_session(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    device = bob.devices[0]
    bob.say(alice, "first")
    late = bob.sealed(device, alice, Kind.TEXT, TextBody(ref=None, text="late").encode())
    closed = device.session
    bob.send(alice, Kind.SESSION_CLOSE)
    scene.settle()
    deliver(scene, alice, late, bob)
    assert alice.texts() == ["first", "late"]
    alice.say("bob", "anew")
    assert bob.texts() == ["anew"]
    assert device.session is not None
    assert closed is not None
    assert device.session.sid != closed.sid


@pytest.mark.negative(55)
def test_another_hash_of_a_known_list_stops_what_is_sent(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "hello")
    view = bob.content(bob.devices[0], alice, Kind.ACK, b"").lists
    lying = type(view)(view.sender_version, bytes(32), view.recipient_version, view.recipient_digest)
    bob.say(alice, "another view", lists=lying)
    assert alice.texts() == ["hello", "another view"]
    [contradicted] = alice.told(KeyIsContradicted)
    assert contradicted.error.code == "key.contradicted"
    alice.say("bob", "must not go")
    assert not bob.texts()


def test_a_higher_list_is_fetched_before_what_was_sent_under_it_is_opened(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register(1)
    bob.say(alice, "first")
    added = bob.add_device()
    bob.devices[0].session = None
    bob.devices = [added, *(each for each in bob.devices if each is not added)]
    bob.say(alice, "from the new one")
    assert alice.texts() == ["first", "from the new one"]
    assert all(message.trust is Trust.UNVERIFIED for message in alice.heard())


def test_a_version_that_does_not_exist_is_looked_for_once_in_ten_seconds_and_never_opened_without(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "first")
    before = len(scene.office.asked)
    for _ in range(20):
        bob.begin(bob.devices[0], alice)
        envelope = bob.sealed(bob.devices[0], alice, Kind.TEXT, TEXT)
        init = Envelope.parse(envelope).init
        assert init is not None
        start = envelope.index(init.ct) - 4  # from_dl stands before the ciphertext
        assert envelope[start : start + 4] == (1).to_bytes(4, "big")
        deliver(scene, alice, envelope[:start] + (7).to_bytes(4, "big") + envelope[start + 4 :], bob)
        scene.pass_seconds(1)
    queries = [asked for _, asked in scene.office.asked[before:] if isinstance(asked, c.DeviceListQuery)]
    assert 1 <= len(queries) <= 3
    assert alice.texts() == ["first"]
    assert len(scene.office.mailboxes[alice.key]) == 20
