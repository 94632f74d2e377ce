"""Sealing and opening one message: ratchet, padding, key commitment and AEAD over the whole envelope's header.

PROTOCOL.md 21.2 and 21.3. Pure: a call that raises has changed nothing.
"""

import hmac
from typing import Final

import msgspec
from msgspec.structs import replace
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.exceptions import CryptoError

from secure_chat.e2ee.choice import needs_new_session
from secure_chat.e2ee.content import Content, Kind
from secure_chat.e2ee.device_keys import Randomness, identifier
from secure_chat.e2ee.envelope import Envelope, header
from secure_chat.e2ee.key_schedule import message_keys
from secure_chat.e2ee.padding import pad, unpad
from secure_chat.e2ee.ratchet import next_sending_key, receiving_key
from secure_chat.e2ee.session import Session
from secure_chat.encoding import tag
from secure_chat.errors import ContentInvalid, EncodingError, SessionEnded, SessionUnknown, TagInvalid
from secure_chat.protocol.envelope_header import ENVELOPE_ID_BYTES

_ASSOCIATED: Final = tag("ad")
_CLOSE: Final = Kind.SESSION_CLOSE  # to look a member up takes longer than to compare with it


class Sealed(msgspec.Struct, frozen=True):
    """What one sending makes; both go to the disk before the envelope goes anywhere."""

    session: Session
    envelope: bytes
    env_id: bytes  # 16 bytes


class Opened(msgspec.Struct, frozen=True):
    """What one receiving makes; the session goes to the disk together with the content."""

    session: Session
    content: Content


def seal(session: Session, own_list_version: int, content: Content, random: Randomness, now_ms: int) -> Sealed:
    """One envelope for the session's peer, under an identifier drawn here.

    `own_list_version`: of this user's newest device list. Raises `SessionEnded` where a new session is due,
    `EncodingError` and `MessageTooLong` for the content.
    """
    if session.closed or needs_new_session(session, now_ms):
        raise SessionEnded
    padded = pad(content.encode())
    env_id = identifier(random, ENVELOPE_ID_BYTES)
    session, place, message_key = next_sending_key(session, random, now_ms)
    init = session.init and replace(session.init, from_dl=own_list_version)
    start = header(env_id, (session.own, session.peer, session.sid8), init, place)
    associated = _associated_data(session, start)
    keys = message_keys(message_key, associated)
    sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(padded, associated, keys.nonce, keys.key)
    return Sealed(_after(session, content), start + keys.commitment + sealed, env_id)


def open_envelope(session: Session, envelope: Envelope, now_ms: int) -> Opened:
    """The content of an envelope of this session, and the session after it.

    Raises `SessionUnknown` for an envelope of another session, `TagInvalid`, `SkipTooFar`, `KeyGone`, `KeyWorthless`,
    and `ContentInvalid` where the peer itself has sealed what is no content.
    """
    if (envelope.sender, envelope.recipient, envelope.sid8) != (session.peer, session.own, session.sid8):
        raise SessionUnknown
    place = (envelope.ratchet_pub, envelope.pn, envelope.n)
    after, message_key = receiving_key(session, place, now_ms)
    associated = _associated_data(session, envelope.header)
    keys = message_keys(message_key, associated)
    if not hmac.compare_digest(keys.commitment, envelope.commitment):
        raise TagInvalid
    try:
        padded = crypto_aead_xchacha20poly1305_ietf_decrypt(envelope.sealed, associated, keys.nonce, keys.key)
    except CryptoError as error:
        raise TagInvalid from error
    try:
        content = Content.parse(unpad(padded))
    except EncodingError as error:
        raise ContentInvalid from error
    if not session.confirmed:
        after = replace(after, init=None, confirmed_ms=max(now_ms, 1))
    return Opened(_after(after, content), content)


def _associated_data(session: Session, start: bytes) -> bytes:
    return b"".join((_ASSOCIATED, session.sid, session.transcript_hash, start))


def _after(session: Session, content: Content) -> Session:
    """A session-close, sent or received, ends what may be sent."""
    return replace(session, closed=True) if content.kind == _CLOSE else session
