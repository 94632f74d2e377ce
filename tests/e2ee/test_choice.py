"""Which session is sent on: both sides settle on one, whatever crosses, comes late or is reset."""

import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from secure_chat.e2ee.bodies import AckBody
from secure_chat.e2ee.choice import choose, needs_new_session, next_generation, owes_ack, superseded
from secure_chat.e2ee.content import Content, Kind
from secure_chat.e2ee.envelope import Envelope, InitFields
from secure_chat.e2ee.messages import open_envelope, seal
from secure_chat.e2ee.parties import Address
from secure_chat.e2ee.session import Session
from secure_chat.limits import ACK_AFTER_MESSAGES, MAX_OLD_SESSIONS
from tests.e2ee.pair import DAY, GEN, NOW, Side, Talk, drawn, lists

ALICE, BOB = Address(b"a" * 16, 1), Address(b"b" * 16, 2)
INIT = InitFields(GEN, b"e" * 32, b"s" * 8, None, 1, bytes(1088))


def session(
    gen: int, sid: bytes = b"s" * 32, *, own: bool = False, confirmed_ms: int = 0, is_reset: bool = False
) -> Session:
    """A session as far as choosing looks at it."""
    return Session(
        own=ALICE,
        peer=BOB,
        peer_identity=bytes(32),
        sid=sid,
        transcript_hash=bytes(32),
        gen=gen,
        is_initiator=own,
        is_reset=is_reset,
        created_ms=NOW,
        root_key=bytes(32),
        ratchet_secret=b"",
        peer_ratchet=b"",
        init=INIT if own and not confirmed_ms else None,
        confirmed_ms=confirmed_ms,
    )


def test_the_confirmed_session_with_the_highest_generation_is_sent_on() -> None:
    old, new, own = session(1, confirmed_ms=NOW), session(2, confirmed_ms=NOW), session(3, own=True)
    assert choose([old, own, new]) is new


def test_of_two_with_one_generation_both_sides_take_the_smaller_sid() -> None:
    small, large = session(1, b"a" * 32, confirmed_ms=NOW), session(1, b"b" * 32, confirmed_ms=NOW)
    assert choose([small, large]) is choose([large, small]) is small


def test_where_none_is_confirmed_the_own_newest_init_is_sent_on() -> None:
    assert choose([]) is None
    first, second = session(1, own=True), session(2, own=True)
    assert choose([second, first]) is second


def test_after_an_own_reset_lower_confirmed_sessions_are_not_used_and_higher_ones_are() -> None:
    reset = session(5, own=True, is_reset=True)
    assert choose([session(4, confirmed_ms=NOW), reset]) is reset
    higher = session(6, confirmed_ms=NOW)
    assert choose([higher, reset]) is higher


def test_after_a_close_a_new_session_is_needed_whatever_lies_below() -> None:
    closed = replace(session(5, confirmed_ms=NOW), closed=True)
    assert choose([session(4, confirmed_ms=NOW), closed]) is None
    fresh = session(6, own=True, is_reset=True)
    assert choose([closed, fresh]) is fresh


def test_a_generation_rises_and_is_not_below_the_time() -> None:
    assert next_generation(0, GEN) == GEN
    assert next_generation(GEN, GEN) == GEN + 1
    assert next_generation(GEN + 7, GEN) == GEN + 8


@pytest.mark.negative(63)
def test_an_init_supersedes_and_a_delayed_message_does_not_switch_back() -> None:
    alice, bob = Side("alice"), Side("bob")
    old = alice.begins(bob, gen=GEN)
    sealed = seal(old, 1, text_of(alice, bob), alice.random, NOW)
    late = seal(sealed.session, 1, text_of(alice, bob), alice.random, NOW)
    bobs_old = bob.accepts(sealed.envelope, alice).session
    fresh = alice.begins(bob, gen=next_generation(GEN, GEN), is_reset=True)
    bobs_new = bob.accepts(seal(fresh, 1, text_of(alice, bob), alice.random, NOW).envelope, alice).session
    bobs_old = open_envelope(bobs_old, Envelope.parse(late.envelope), NOW).session
    assert choose([bobs_old, bobs_new]) is bobs_new
    assert choose([late.session, fresh]) is fresh


def text_of(own: Side, peer: Side) -> Content:
    """An ack will do."""
    return Content(kind=Kind.ACK, msg_id=b"m" * 16, sent_at=NOW, seq=0, lists=lists(own, peer), body=AckBody().encode())


# --- 6,000 crossing starts -----------------------------------------------------------------------


@dataclass
class Device:
    """One side of a simulated pair: what the rules see of its sessions, nothing of their keys."""

    address: Address
    peer: Address
    sessions: dict[bytes, Session] = field(default_factory=dict)
    highest: int = 0

    def send(self, now: int, *, reset: bool, dice: random.Random) -> tuple[bytes, int, bool]:
        """What goes out: (sid, gen, whether it is an init)."""
        chosen = None if reset else choose(list(self.sessions.values()))
        if chosen is None:
            gen = next_generation(self.highest, now)
            confirmed = any(each.confirmed for each in self.sessions.values())
            chosen = session(gen, dice.randbytes(32), own=True, is_reset=reset or confirmed)
            self.highest = gen
        self.sessions[chosen.sid] = chosen
        return chosen.sid, chosen.gen, chosen.init is not None

    def receive(self, sid: bytes, gen: int, is_init: bool) -> None:
        """The message opens, or it is of a session that is not there any more."""
        known = self.sessions.get(sid)
        if known is None:
            if not is_init:
                return
            known = session(gen, sid)
        self.sessions[sid] = replace(known, init=None, confirmed_ms=known.confirmed_ms or NOW)
        self.highest = max(self.highest, gen)
        for old in superseded(list(self.sessions.values()), NOW):
            del self.sessions[old.sid]


def crossing_start(seed: int) -> tuple[Device, Device]:
    """Both begin at once, with clocks that differ; messages are reordered within a window, and some sides reset."""
    dice = random.Random(seed)  # a schedule, no secret
    devices = (Device(ALICE, BOB), Device(BOB, ALICE))
    clocks = (GEN + dice.randrange(-600, 600), GEN + dice.randrange(-600, 600))
    roads: tuple[deque[tuple[bytes, int, bool]], ...] = (deque(), deque())
    for step in range(dice.randrange(4, 24)):
        side = dice.randrange(2)
        if dice.random() < 0.6 or step < 2:
            side = step if step < 2 else side
            roads[side].append(devices[side].send(clocks[side] + step, reset=dice.random() < 0.1, dice=dice))
        elif roads[side]:
            place = dice.randrange(min(4, len(roads[side])))
            devices[1 - side].receive(*roads[side][place])
            del roads[side][place]
    for _ in range(4):  # everything arrives in the end, and each side answers
        for side in range(2):
            while roads[side]:
                devices[1 - side].receive(*roads[side].popleft())
            roads[side].append(devices[side].send(clocks[side] + 100, reset=False, dice=dice))
    return devices


@pytest.mark.negative(63)
def test_six_thousand_crossing_starts_end_on_one_session() -> None:
    for seed in range(6000):
        chosen = [choose(list(device.sessions.values())) for device in crossing_start(seed)]
        assert chosen[0] is not None
        assert chosen[1] is not None
        assert chosen[0].sid == chosen[1].sid, seed


@pytest.mark.negative(63)
def test_real_crossing_starts_end_on_one_session() -> None:
    for alices_gen, bobs_gen in ((GEN, GEN), (GEN, GEN + 5), (GEN + 5, GEN)):
        alice, bob = Side("alice"), Side("bob")
        a_own, b_own = alice.begins(bob, gen=alices_gen), bob.begins(alice, gen=bobs_gen)
        a_first = seal(a_own, 1, text_of(alice, bob), alice.random, NOW)
        b_first = seal(b_own, 1, text_of(bob, alice), bob.random, NOW)
        alices = [a_first.session, alice.accepts(b_first.envelope, bob).session]
        bobs = [b_first.session, bob.accepts(a_first.envelope, alice).session]
        for own, peer, owns, peers in ((alice, bob, alices, bobs), (bob, alice, bobs, alices)) * 2:
            chosen = choose(owns)
            assert chosen is not None
            sealed = seal(chosen, 1, text_of(own, peer), own.random, NOW)
            owns[owns.index(chosen)] = sealed.session
            place = next(index for index, each in enumerate(peers) if each.sid == chosen.sid)
            peers[place] = open_envelope(peers[place], Envelope.parse(sealed.envelope), NOW).session
        alices_choice, bobs_choice = choose(alices), choose(bobs)
        assert alices_choice is not None
        assert bobs_choice is not None
        assert alices_choice.sid == bobs_choice.sid


# --- ends and acknowledgements -------------------------------------------------------------------


@pytest.mark.negative(51)
def test_a_chain_ends_after_500_messages_or_7_days() -> None:
    talk = Talk()
    assert not needs_new_session(talk.alices, NOW + 100 * DAY)  # nothing was sent on the chain to come
    talk.alice_sends("one")
    assert not needs_new_session(talk.alices, NOW + 7 * DAY - 1)
    assert needs_new_session(talk.alices, NOW + 7 * DAY)
    talk.with_chain_at(499)
    assert not needs_new_session(talk.alices, NOW)
    talk.with_chain_at(500)
    assert needs_new_session(talk.alices, NOW)


@pytest.mark.negative(51)
def test_the_first_message_of_a_session_and_a_hundred_on_one_chain_are_acknowledged() -> None:
    talk = Talk(answered=False)
    assert owes_ack(talk.bobs)
    assert not owes_ack(talk.alices)
    talk.alice_reads(talk.bob_sends("the first answer"))
    assert not owes_ack(talk.bobs)
    assert not owes_ack(talk.alices)
    late = talk.alice_sends("late")
    for count in range(2, ACK_AFTER_MESSAGES + 1):
        assert not owes_ack(talk.bobs)
        talk.bob_reads(talk.alice_sends(f"{count}"))
    assert not owes_ack(talk.bobs)
    talk.bob_reads(late)
    assert owes_ack(talk.bobs)
    talk.alice_reads(talk.bob_sends("ack"))
    assert not owes_ack(talk.bobs)


@pytest.mark.negative(51)
def test_a_chain_that_turned_is_counted_anew_and_late_messages_of_the_old_one_are_not() -> None:
    talk = Talk()
    late = talk.alice_sends("late")
    for _ in range(60):
        talk.bob_reads(talk.alice_sends("x"))
    talk.alice_reads(talk.bob_sends("turn"))
    assert talk.bobs.unanswered == 0
    talk.bob_reads(talk.alice_sends("new chain"))
    talk.bob_reads(late)
    assert talk.bobs.unanswered == 1


@pytest.mark.negative(51)
def test_two_silent_peers_do_not_acknowledge_for_ever() -> None:
    talk = Talk(answered=False)
    sides = [(talk.bobs, talk.bob, talk.alice), (talk.alices, talk.alice, talk.bob)]
    acks = 0
    while owes_ack(sides[0][0]):
        acks += 1
        (own_session, own, peer), (peer_session, _, _) = sides
        sealed = seal(own_session, 1, text_of(own, peer), own.random, NOW)
        opened = open_envelope(peer_session, Envelope.parse(sealed.envelope), NOW)
        sides = [(opened.session, peer, own), (sealed.session, own, peer)]
        assert acks < 3
    assert acks == 1


# --- what is dropped -----------------------------------------------------------------------------


def test_a_lower_session_is_deleted_35_days_after_another_took_over() -> None:
    old, new = session(1, confirmed_ms=NOW - 100 * DAY), session(2, confirmed_ms=NOW)
    assert superseded([old, new], NOW + 35 * DAY - 1) == []
    assert superseded([old, new], NOW + 35 * DAY) == [old]
    newest = session(3, confirmed_ms=NOW + 30 * DAY)
    assert superseded([old, new, newest], NOW + 35 * DAY) == [old]


def test_of_more_than_four_lower_sessions_the_lowest_go() -> None:
    sessions = [session(gen, confirmed_ms=NOW) for gen in range(1, 8)]
    assert superseded(sessions, NOW) == sessions[1::-1]
    assert len(sessions) - 2 == 1 + MAX_OLD_SESSIONS


def test_a_peer_that_closes_each_session_it_begins_does_not_fill_the_vault() -> None:
    closed = [replace(session(gen, confirmed_ms=NOW), closed=True) for gen in range(1, 8)]
    assert choose(closed) is None
    assert superseded(closed, NOW) == closed[1::-1]
    assert superseded(closed[:2], NOW + 35 * DAY) == closed[:1]


def test_unanswered_inits_are_kept_no_longer_than_others() -> None:
    sessions = [session(gen, own=True) for gen in range(1, 7)]
    assert superseded(sessions, NOW) == [sessions[0]]
    assert superseded(sessions, NOW + 35 * DAY) == sessions[4::-1]
    assert superseded([], NOW) == []


def test_an_own_init_above_the_session_in_use_is_kept() -> None:
    """It crossed with the peer's, who may still answer to it."""
    used, own = session(1, confirmed_ms=NOW), session(2, own=True)
    assert superseded([used, own], NOW + 100 * DAY) == []


def test_sessions_are_told_apart_by_their_drawn_sid() -> None:
    assert repr(session(7, drawn("sid", 32))) == f"<Session {drawn('sid', 32)[:8].hex()} gen 7>"
