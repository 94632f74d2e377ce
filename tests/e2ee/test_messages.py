"""One message: whatever is altered, redirected, replayed or too far ahead is refused and changes nothing."""

import inspect

import msgspec
import pytest
from msgspec.structs import replace

from secure_chat.e2ee.bodies import AckBody, SessionCloseBody
from secure_chat.e2ee.choice import choose, owes_ack
from secure_chat.e2ee.content import Content, Kind, Seen
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.key_schedule import message_keys
from secure_chat.e2ee.messages import _ASSOCIATED, open_envelope, seal
from secure_chat.e2ee.parties import Address
from secure_chat.e2ee.ratchet import next_sending_key
from secure_chat.e2ee.session import Session
from secure_chat.errors import (
    ChatError,
    ContentInvalid,
    EncodingError,
    KeyGone,
    MessageTooLong,
    MessageUnreadable,
    SessionEnded,
    SessionUnknown,
    SkipTooFar,
    TagInvalid,
)
from secure_chat.limits import MAX_CHAIN_MESSAGES, MAX_SKIPPED_AT_ONCE
from tests.e2ee.pair import DAY, NOW, Side, Talk, flipped, lists, text, words_of


def stored(session: Session) -> bytes:
    """The row that a vault would keep."""
    return msgspec.msgpack.encode(session)


def test_two_people_talk() -> None:
    talk = Talk()
    assert words_of(talk.first_content) == "first"
    for count in range(3):
        assert talk.bob_reads(talk.alice_sends(f"question {count}")) == f"question {count}"
        assert talk.alice_reads(talk.bob_sends(f"answer {count}")) == f"answer {count}"


def test_a_stored_session_is_read_back_as_it_was() -> None:
    talk = Talk(answered=False)
    late = talk.alice_sends("late")
    talk.bob_reads(talk.alice_sends("early"))
    for session in (talk.alices, talk.bobs):
        assert msgspec.msgpack.decode(stored(session), type=Session) == session
    talk.bobs = msgspec.msgpack.decode(stored(talk.bobs), type=Session)
    assert talk.bob_reads(late) == "late"


@pytest.mark.negative(14)
@pytest.mark.parametrize("answered", [True, False], ids=["normal", "init"])
def test_with_any_bit_of_the_envelope_flipped_it_is_refused_and_the_state_is_the_same(answered: bool) -> None:
    talk = Talk(answered=answered)
    envelope = talk.alice_sends("hello")
    before = stored(talk.bobs)
    opened = 0
    for bit in range(8 * len(envelope)):
        try:
            open_envelope(talk.bobs, Envelope.parse(flipped(envelope, bit)), NOW)
        except ChatError:
            continue
        opened += 1
    assert opened == 0
    assert stored(talk.bobs) == before
    assert talk.bob_reads(envelope) == "hello"


@pytest.mark.negative(14)
@pytest.mark.negative(73)
def test_a_repeated_init_field_is_bound_though_it_is_not_used() -> None:
    """The session is there already, so nothing is derived from these fields; the AD alone refuses another one."""
    talk = Talk(answered=False)
    envelope = talk.alice_sends("second")
    init = Envelope.parse(envelope).init
    assert init is not None
    start = 67
    for place in (start + 3, start + 4, start + 36, start + 44, start + 55, start + 56, start + 1143):
        with pytest.raises(TagInvalid):
            open_envelope(talk.bobs, Envelope.parse(flipped(envelope, 8 * place + 1)), NOW)
    assert talk.bob_reads(envelope) == "second"


@pytest.mark.negative(14)
@pytest.mark.parametrize("what", ["sid", "transcript_hash"])
def test_a_message_opens_only_under_the_session_and_transcript_it_was_sealed_under(what: str) -> None:
    talk = Talk()
    envelope = talk.alice_sends("hello")
    value: bytes = getattr(talk.bobs, what)
    other = replace(talk.bobs, **{what: flipped(value, 8 * 31)})
    with pytest.raises(TagInvalid):
        open_envelope(other, Envelope.parse(envelope), NOW)


@pytest.mark.negative(15)
@pytest.mark.parametrize("cut", [1, 16, 768, 784, 816])
def test_a_shortened_envelope_is_none(cut: int) -> None:
    envelope = Talk().alice_sends("hello")
    with pytest.raises(EncodingError):
        Envelope.parse(envelope[:-cut])
    with pytest.raises(EncodingError):
        Envelope.parse(envelope + bytes(cut % 768 + 1))


@pytest.mark.negative(15)
def test_a_ciphertext_moved_to_another_size_is_refused() -> None:
    """1,536 bytes is a size, too: only the tag sees that 768 of them were added."""
    talk = Talk()
    envelope = talk.alice_sends("hello")
    with pytest.raises(TagInvalid):
        talk.bob_reads(envelope + bytes(768))


@pytest.mark.negative(15)
def test_another_commitment_is_refused_even_where_the_tag_is_right() -> None:
    """The tag does not cover the commitment; the receiver compares it first."""
    talk = Talk()
    envelope = talk.alice_sends("hello")
    place = len(envelope) - 784 - 32
    with pytest.raises(TagInvalid):
        talk.bob_reads(flipped(envelope, 8 * place))
    assert talk.bob_reads(envelope) == "hello"


@pytest.mark.negative(11)
def test_a_ciphertext_for_one_device_does_not_open_on_another() -> None:
    """Neither with the address as it was nor with it rewritten; nor in the conversation with somebody else."""
    talk = Talk()
    carol = Side("carol")
    envelope = talk.alice_sends("for bob")
    parsed = Envelope.parse(envelope)
    other_device = Address(parsed.recipient.user_id, parsed.recipient.device_id + 1)
    for own in (carol.party.address, other_device):
        elsewhere = replace(talk.bobs, own=own)
        with pytest.raises(SessionUnknown):
            open_envelope(elsewhere, parsed, NOW)
        address = own.user_id + own.device_id.to_bytes(4, "big")
        redirected = Envelope.parse(envelope[:39] + address + envelope[59:])
        with pytest.raises(TagInvalid):
            open_envelope(elsewhere, redirected, NOW)
    with pytest.raises(SessionUnknown):
        open_envelope(replace(talk.bobs, peer=carol.party.address), parsed, NOW)


@pytest.mark.negative(12)
def test_an_own_ciphertext_sent_back_does_not_open() -> None:
    talk = Talk()
    envelope = talk.alice_sends("mine")
    with pytest.raises(SessionUnknown):
        talk.alice_reads(envelope)
    turned = envelope[:19] + envelope[39:59] + envelope[19:39] + envelope[59:]
    before = stored(talk.alices)
    with pytest.raises(MessageUnreadable):
        talk.alice_reads(turned)
    assert stored(talk.alices) == before


def test_an_envelope_of_another_session_is_not_tried() -> None:
    one, other = Talk(), Talk(names=("alice", "carol"))
    with pytest.raises(SessionUnknown):
        one.bob_reads(other.alice_sends("hello"))


@pytest.mark.negative(13)
@pytest.mark.negative(17)
def test_a_message_opens_once_and_only_once() -> None:
    talk = Talk()
    late, envelope = talk.alice_sends("late"), talk.alice_sends("early")
    for received, words in ((envelope, "early"), (late, "late")):
        assert talk.bob_reads(received) == words
        before = stored(talk.bobs)
        with pytest.raises(KeyGone):
            talk.bob_reads(received)
        assert stored(talk.bobs) == before


@pytest.mark.negative(16)
@pytest.mark.parametrize("n", [MAX_SKIPPED_AT_ONCE + 2, 2**31, 2**32 - 1])
def test_a_message_too_far_ahead_is_refused_at_once(n: int) -> None:
    """Two messages of the chain were read: a message at place 1,002 leaves out 1,000, the one after it 1,001."""
    talk = Talk()
    talk.bob_reads(talk.alice_sends("zero"))
    envelope = talk.alice_sends("one")
    place = 67 + 32 + 4
    with pytest.raises(SkipTooFar):
        talk.bob_reads(envelope[:place] + n.to_bytes(4, "big") + envelope[place + 4 :])
    assert talk.bob_reads(envelope) == "one"


@pytest.mark.negative(16)
@pytest.mark.parametrize("pn", [MAX_SKIPPED_AT_ONCE + 3, 2**32 - 1])
def test_an_absurd_length_of_the_chain_before_is_refused(pn: int) -> None:
    talk = Talk()
    talk.bob_reads(talk.alice_sends("old chain"))
    talk.alice_reads(talk.bob_sends("turn"))
    envelope = talk.alice_sends("new chain")
    place = 67 + 32
    with pytest.raises(SkipTooFar):
        talk.bob_reads(envelope[:place] + pn.to_bytes(4, "big") + envelope[place + 4 :])
    assert talk.bob_reads(envelope) == "new chain"


@pytest.mark.negative(16)
def test_the_session_outlives_ten_thousand_bogus_headers() -> None:
    talk = Talk()
    envelope = talk.alice_sends("hello")
    before = stored(talk.bobs)
    for count in range(10_000):
        ratchet_key = (count + 2**200).to_bytes(32, "little")
        bogus = envelope[:67] + ratchet_key + bytes(6) + (count % 2).to_bytes(2, "big") + envelope[107:]
        with pytest.raises(MessageUnreadable):
            open_envelope(talk.bobs, Envelope.parse(bogus), NOW)
    assert stored(talk.bobs) == before
    assert talk.bob_reads(envelope) == "hello"


@pytest.mark.negative(40)
def test_the_identifier_of_an_envelope_is_drawn_inside() -> None:
    """Nobody can hand one in, so a rolled back state never gives one pair of key and nonce two plaintexts."""
    assert list(inspect.signature(seal).parameters) == ["session", "own_list_version", "content", "random", "now_ms"]


@pytest.mark.negative(28)
@pytest.mark.negative(40)
def test_a_cloned_state_that_sends_again_uses_another_key() -> None:
    """The message key is the same; the header with its fresh env_id makes key and nonce others."""
    talk = Talk()
    talk.alice_sends("one before")
    content = text(talk.alice, talk.bob, "the same words")
    seen = Seen(talk.bob.party.user_id, talk.bob.party.device_id, 1)
    again = replace(content, seen=(seen,))
    one, other = (seal(talk.alices, 1, each, talk.alice.random, NOW) for each in (content, again))
    assert one.env_id != other.env_id
    first, second = Envelope.parse(one.envelope), Envelope.parse(other.envelope)
    assert (first.ratchet_pub, first.pn, first.n) == (second.ratchet_pub, second.pn, second.n)
    assert first.commitment != second.commitment
    _, _, message_key = next_sending_key(talk.alices, talk.alice.random, NOW)
    prefix = _ASSOCIATED + talk.alices.sid + talk.alices.transcript_hash
    keys = {message_keys(message_key, prefix + each.header).key for each in (first, second)}
    assert len(keys) == 2


@pytest.mark.negative(51)
def test_message_501_wants_a_new_session() -> None:
    talk = Talk()
    talk.alice_sends("one")
    talk.with_chain_at(MAX_CHAIN_MESSAGES - 1)
    talk.alice_sends("number 500")
    with pytest.raises(SessionEnded):
        talk.alice_sends("number 501")


@pytest.mark.negative(51)
def test_on_day_8_of_a_chain_a_new_session_is_wanted_answered_or_not() -> None:
    talk = Talk()
    talk.alice_sends("day 1")
    talk.now = NOW + 7 * DAY - 1
    talk.bob_reads(talk.alice_sends("day 7"))
    talk.now = NOW + 7 * DAY
    with pytest.raises(SessionEnded):
        talk.alice_sends("day 8")
    talk.alice_reads(talk.bob_sends("an answer turns the chain"))
    talk.alice_sends("day 8")


@pytest.mark.negative(72)
def test_after_a_session_close_late_messages_open_and_nothing_more_is_sent() -> None:
    talk = Talk()
    late = talk.alice_sends("late")
    close = Content(
        kind=Kind.SESSION_CLOSE,
        msg_id=b"c" * 16,
        sent_at=NOW,
        seq=0,
        lists=lists(talk.alice, talk.bob),
        body=SessionCloseBody().encode(),
    )
    sealed = seal(talk.alices, 1, close, talk.alice.random, NOW)
    talk.alices = sealed.session
    talk.bobs = open_envelope(talk.bobs, Envelope.parse(sealed.envelope), NOW).session
    for session in (talk.alices, talk.bobs):
        assert session.closed
        assert choose([session]) is None
        assert not owes_ack(session)
    with pytest.raises(SessionEnded):
        talk.alice_sends("no")
    with pytest.raises(SessionEnded):
        talk.bob_sends("no")
    assert talk.bob_reads(late) == "late"


def test_init_fields_are_sent_until_the_peer_has_answered_and_say_the_newest_list() -> None:
    talk = Talk(answered=False)
    for version in (1, 7):
        sealed = seal(talk.alices, version, text(talk.alice, talk.bob), talk.alice.random, NOW)
        init = Envelope.parse(sealed.envelope).init
        assert init is not None
        assert init.from_dl == version
        assert len(sealed.envelope) == 2067
    talk.alice_reads(talk.bob_sends("answer"))
    assert Envelope.parse(talk.alice_sends("no more")).init is None


def test_content_that_does_not_fit_is_not_sealed() -> None:
    talk = Talk()
    content = replace(text(talk.alice, talk.bob), kind=200, body=bytes(16_384 - 182))
    with pytest.raises(MessageTooLong):
        seal(talk.alices, 1, content, talk.alice.random, NOW)
    fits = replace(content, body=bytes(16_383 - 182))
    assert len(seal(talk.alices, 1, fits, talk.alice.random, NOW).envelope) == 155 + 16_384


def test_what_a_peer_seals_that_is_no_content_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the peer itself can do this: the tag is right."""
    talk = Talk()
    with monkeypatch.context() as patched:
        patched.setattr("secure_chat.e2ee.content.Content.encode", lambda _: b"nonsense")
        envelope = talk.alice_sends("hello")
        patched.setattr("secure_chat.e2ee.messages.pad", lambda _: bytes(768))
        unpadded = talk.alice_sends("hello")
    before = stored(talk.bobs)
    for each in (envelope, unpadded):
        with pytest.raises(ContentInvalid):
            talk.bob_reads(each)
    assert stored(talk.bobs) == before


@pytest.mark.negative(1)
@pytest.mark.parametrize("ratchet_key", [bytes(32), b"\x01" + bytes(31), bytes(31) + b"\x80"])
def test_a_ratchet_key_of_low_order_is_refused(ratchet_key: bytes) -> None:
    """Also in the second form that bit 255 gives it."""
    talk = Talk()
    envelope = talk.alice_sends("hello")
    before = stored(talk.bobs)
    with pytest.raises(MessageUnreadable):
        talk.bob_reads(envelope[:67] + ratchet_key + envelope[99:])
    assert stored(talk.bobs) == before


@pytest.mark.negative(35)
def test_no_key_and_no_text_shows_in_repr() -> None:
    talk = Talk()
    content = text(talk.alice, talk.bob, "a secret word")
    talk.alice_sends("skipped")
    sealed = seal(talk.alices, 1, content, talk.alice.random, NOW)
    opened = open_envelope(talk.bobs, Envelope.parse(sealed.envelope), NOW)
    shown = repr((sealed.session, opened, talk.alice.own, talk.alice.signed, content.core(), AckBody()))
    shown += repr((opened.session.receiving, sealed.session.sending))
    assert "secret word" not in shown
    session = opened.session
    chain = session.receiving[0]
    for secret in (
        session.sid,
        session.root_key,
        chain.chain_key,
        chain.skipped[0].message_key,
        sealed.session.ratchet_secret,
        content.body,
        talk.alice.own.secrets.dh_secret,
        talk.alice.signed.secret.kem_seed,
    ):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
