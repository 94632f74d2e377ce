"""The ratchet: messages may come late, be lost or never come, and no key outlives its time or its use."""

import pytest
from msgspec.structs import replace

from secure_chat.e2ee.ratchet import without_expired_keys
from secure_chat.errors import KeyGone, MessageUnreadable, SkipTooFar, TagInvalid
from secure_chat.limits import MAX_OLD_CHAINS, MAX_SKIPPED_AT_ONCE, MAX_SKIPPED_KEYS
from tests.e2ee.pair import DAY, NOW, Talk


def turn(talk: Talk) -> None:
    """Each side sends once, so that both have new ratchet keys."""
    talk.bob_reads(talk.alice_sends("turn"))
    talk.alice_reads(talk.bob_sends("turn"))


def kept(talk: Talk) -> int:
    """Skipped keys that Bob keeps."""
    return sum(len(chain.skipped) for chain in talk.bobs.receiving)


@pytest.mark.negative(13)
def test_messages_of_several_chains_open_in_any_order() -> None:
    talk = Talk()
    waiting: list[tuple[str, bytes]] = []
    for round_number in range(MAX_OLD_CHAINS):
        for count in range(3):
            words = f"{round_number} {count}"
            waiting.append((words, talk.alice_sends(words)))
        turn(talk)
    for words, envelope in reversed(waiting):
        assert talk.bob_reads(envelope) == words
    assert kept(talk) == 0


def test_the_last_message_of_a_chain_may_come_after_the_next_chain() -> None:
    talk = Talk()
    talk.bob_reads(talk.alice_sends("one"))
    last = talk.alice_sends("two")
    turn(talk)
    assert talk.bob_reads(last) == "two"


@pytest.mark.negative(16)
@pytest.mark.parametrize(("lost", "opens"), [(MAX_SKIPPED_AT_ONCE, True), (MAX_SKIPPED_AT_ONCE + 1, False)])
def test_a_thousand_lost_messages_are_no_obstacle_and_one_more_is(
    lost: int, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An honest sender begins a new session after 500; this one does not."""
    monkeypatch.setattr("secure_chat.e2ee.messages.needs_new_session", lambda *_: False)
    talk = Talk()
    for count in range(lost):
        talk.alice_sends(f"lost {count}")
    envelope = talk.alice_sends("hello")
    if opens:
        assert talk.bob_reads(envelope) == "hello"
        assert kept(talk) == lost
    else:
        with pytest.raises(SkipTooFar):
            talk.bob_reads(envelope)


@pytest.mark.negative(17)
def test_of_more_than_two_thousand_skipped_keys_the_oldest_go() -> None:
    talk = Talk()
    waiting: list[bytes] = []
    for _ in range(5):
        waiting += [talk.alice_sends(f"{len(waiting) + count}") for count in range(450)]
        turn(talk)
    assert kept(talk) == MAX_SKIPPED_KEYS
    with pytest.raises(KeyGone):
        talk.bob_reads(waiting[249])
    assert talk.bob_reads(waiting[250]) == "250"
    assert talk.bob_reads(waiting[-1]) == str(len(waiting) - 1)


@pytest.mark.negative(17)
@pytest.mark.negative(45)
def test_a_skipped_key_expires_after_35_days() -> None:
    talk = Talk()
    late, later = talk.alice_sends("late"), talk.alice_sends("later")
    talk.bob_reads(talk.alice_sends("early"))
    talk.now = NOW + 35 * DAY - 1
    assert talk.bob_reads(late) == "late"
    assert without_expired_keys(talk.bobs, talk.now) is talk.bobs
    talk.now += 1
    with pytest.raises(KeyGone):
        talk.bob_reads(later)
    assert kept(talk) == 1
    talk.bobs = without_expired_keys(talk.bobs, talk.now)
    assert kept(talk) == 0


@pytest.mark.negative(17)
@pytest.mark.negative(45)
def test_a_skipped_key_expires_when_five_chains_have_followed() -> None:
    talk = Talk()
    late, later = talk.alice_sends("late"), talk.alice_sends("later")
    for _ in range(MAX_OLD_CHAINS + 1):
        turn(talk)
    assert talk.bob_reads(late) == "late"
    assert len(talk.bobs.receiving) == 1 + MAX_OLD_CHAINS
    turn(talk)
    assert len(talk.bobs.receiving) == 1 + MAX_OLD_CHAINS
    with pytest.raises(MessageUnreadable):
        talk.bob_reads(later)


def test_expired_keys_go_when_others_are_kept() -> None:
    talk = Talk()
    talk.alice_sends("late")
    talk.bob_reads(talk.alice_sends("early"))
    talk.now = NOW + 36 * DAY
    sending = talk.alices.sending
    assert sending is not None
    talk.alices = replace(talk.alices, sending=replace(sending, started_ms=talk.now))
    talk.alice_sends("late again")
    talk.bob_reads(talk.alice_sends("early again"))
    assert kept(talk) == 1


@pytest.mark.negative(13)
@pytest.mark.negative(17)
def test_a_message_of_a_chain_long_gone_does_not_turn_the_ratchet() -> None:
    talk = Talk()
    old = talk.alice_sends("old")
    talk.bob_reads(old)
    for _ in range(MAX_OLD_CHAINS + 2):
        turn(talk)
    before = talk.bobs
    for envelope in (talk.first, old):
        with pytest.raises(TagInvalid):
            talk.bob_reads(envelope)
    assert talk.bobs == before
    talk.bob_reads(talk.alice_sends("a new chain"))
    with pytest.raises(KeyGone):
        talk.bob_reads(old)


def test_the_own_ratchet_secret_is_forgotten_when_the_peer_has_answered_to_it() -> None:
    talk = Talk()
    assert talk.alices.ratchet_secret == b""
    envelope = talk.alice_sends("hello")
    assert len(talk.alices.ratchet_secret) == 32
    talk.bob_reads(envelope)
    assert talk.bobs.ratchet_secret == b""


def test_what_a_side_has_sent_stands_in_the_next_chain_as_its_length() -> None:
    talk = Talk()
    for _ in range(3):
        talk.bob_reads(talk.alice_sends("x"))
    talk.alice_reads(talk.bob_sends("turn"))
    assert talk.alices.previous_sent == 3
    assert talk.alices.sending is None
    assert talk.alices.has_sent
