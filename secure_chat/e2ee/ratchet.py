"""The Double Ratchet without header encryption: from a session and a header to the next state and a message key.

PROTOCOL.md 21; Double Ratchet, section 3. This device makes a new ratchet key when it sends after it has received, not
before: the bytes are the same, and no secret waits for a message that may never be written.
"""

from msgspec.structs import replace
from nacl.bindings import crypto_scalarmult_base

from secure_chat.e2ee.device_keys import SECRET_BYTES, Randomness
from secure_chat.e2ee.envelope import ChainPlace
from secure_chat.e2ee.key_schedule import agree, chain_step, root_step
from secure_chat.e2ee.session import ReceivingChain, SendingChain, Session, SkippedKey
from secure_chat.errors import KeyGone, SkipTooFar
from secure_chat.limits import MAX_OLD_CHAINS, MAX_SKIPPED_AT_ONCE, MAX_SKIPPED_KEYS, SKIPPED_KEY_MS


def next_sending_key(session: Session, random: Randomness, now_ms: int) -> tuple[Session, ChainPlace, bytes]:
    """The state after one more message is sent, that message's place, and its key of 32 bytes."""
    chain = session.sending
    if chain is None:
        secret = random(SECRET_BYTES)
        root_key, chain_key = root_step(session.root_key, agree(secret, session.peer_ratchet))
        chain = SendingChain(crypto_scalarmult_base(secret), chain_key, 0, now_ms)
        session = replace(session, root_key=root_key, ratchet_secret=secret)
    chain_key, message_key = chain_step(chain.chain_key)
    after = SendingChain(chain.ratchet_key, chain_key, chain.next_n + 1, chain.started_ms)
    place = (chain.ratchet_key, session.previous_sent, chain.next_n)
    return replace(session, sending=after, unanswered=0), place, message_key


def receiving_key(session: Session, place: ChainPlace, now_ms: int) -> tuple[Session, bytes]:
    """The state after the message at `place` is received, and its key of 32 bytes.

    The new state is the caller's to drop when the message does not open. Raises `SkipTooFar`, `KeyGone` for a key that
    was used, has expired or cannot be made any more, and `KeyWorthless`.
    """
    ratchet_key, pn, n = place
    for index, chain in enumerate(session.receiving):
        if chain.ratchet_key == ratchet_key:
            if index == 0 and n >= chain.next_n:
                return _ahead(session, n, now_ms)
            return _kept(session, index, n, now_ms)
    return _ahead(_turned(session, ratchet_key, pn, now_ms), n, now_ms)


def without_expired_keys(session: Session, now_ms: int) -> Session:
    """The session without the skipped keys whose time is over; the same object when there are none."""
    oldest = now_ms - SKIPPED_KEY_MS
    if all(key.kept_ms > oldest for chain in session.receiving for key in chain.skipped):
        return session
    return replace(
        session,
        receiving=tuple(
            replace(chain, skipped=tuple(key for key in chain.skipped if key.kept_ms > oldest))
            for chain in session.receiving
        ),
    )


def _ahead(session: Session, n: int, now_ms: int) -> tuple[Session, bytes]:
    """A message on the newest chain, at its end or beyond."""
    newest = session.receiving[0]
    if n > newest.next_n:
        session = _skipped_to(session, n, now_ms)
        newest = session.receiving[0]
    chain_key, message_key = chain_step(newest.chain_key)
    newest = ReceivingChain(newest.ratchet_key, chain_key, n + 1, newest.skipped)
    receiving = (newest, *session.receiving[1:])
    return replace(session, receiving=receiving, unanswered=session.unanswered + 1), message_key


def _kept(session: Session, index: int, n: int, now_ms: int) -> tuple[Session, bytes]:
    """A message that others overtook."""
    chain = session.receiving[index]
    for place, key in enumerate(chain.skipped):
        if key.n == n and key.kept_ms > now_ms - SKIPPED_KEY_MS:
            left = replace(chain, skipped=chain.skipped[:place] + chain.skipped[place + 1 :])
            receiving = (*session.receiving[:index], left, *session.receiving[index + 1 :])
            unanswered = session.unanswered + (1 if index == 0 else 0)
            return replace(session, receiving=receiving, unanswered=unanswered), key.message_key
    raise KeyGone


def _turned(session: Session, ratchet_key: bytes, pn: int, now_ms: int) -> Session:
    """The peer has a new ratchet key: keep what is missing of its old chain, and begin the new one."""
    if not session.ratchet_secret:
        raise KeyGone  # the peer turns once for each key of ours; this is a chain forgotten long ago, or none
    agreed = agree(session.ratchet_secret, ratchet_key)
    old = session.receiving
    if old:
        old = _skipped_to(session, pn, now_ms).receiving
        old = (replace(old[0], chain_key=b""), *old[1:MAX_OLD_CHAINS])
    root_key, chain_key = root_step(session.root_key, agreed)
    return replace(
        session,
        root_key=root_key,
        ratchet_secret=b"",
        peer_ratchet=ratchet_key,
        sending=None,
        previous_sent=session.sending.next_n if session.sending else 0,
        receiving=(ReceivingChain(ratchet_key, chain_key, 0), *old),
        unanswered=0,
    )


def _skipped_to(session: Session, end: int, now_ms: int) -> Session:
    """Advance the newest chain to `end`, keeping the keys on the way. Raises `SkipTooFar`."""
    newest = session.receiving[0]
    if end - newest.next_n > MAX_SKIPPED_AT_ONCE:
        raise SkipTooFar
    chain_key, kept = newest.chain_key, list(newest.skipped)
    for n in range(newest.next_n, end):
        chain_key, message_key = chain_step(chain_key)
        kept.append(SkippedKey(n, message_key, now_ms))
    newest = ReceivingChain(newest.ratchet_key, chain_key, max(end, newest.next_n), tuple(kept))
    session = replace(session, receiving=(newest, *session.receiving[1:]))
    return _within_limit(without_expired_keys(session, now_ms))


def _within_limit(session: Session) -> Session:
    """Drop the oldest skipped keys beyond what one session may keep."""
    surplus = sum(len(chain.skipped) for chain in session.receiving) - MAX_SKIPPED_KEYS
    if surplus <= 0:
        return session
    chains = []
    for chain in reversed(session.receiving):
        chains.append(replace(chain, skipped=chain.skipped[max(surplus, 0) :]))
        surplus -= len(chain.skipped)
    return replace(session, receiving=tuple(reversed(chains)))
