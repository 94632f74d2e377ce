"""The beginning of a session, PQXDH in shape: four X25519 agreements and one of ML-KEM-768 over a whole transcript.

PROTOCOL.md 20. Both sides hash everything that either believes about the other; the session's tag shows whether they
agree before a message is opened.
"""

import hashlib
import hmac
from collections.abc import Callable

from msgspec.structs import replace
from nacl.bindings import crypto_scalarmult_base

from secure_chat.directory.device_list import FIRST_VERSION
from secure_chat.directory.prekeys import OneTimePrekey, SignedPrekey
from secure_chat.e2ee.bundles import Bundle
from secure_chat.e2ee.device_keys import SECRET_BYTES, Randomness
from secure_chat.e2ee.envelope import SUITE, Envelope, InitFields
from secure_chat.e2ee.key_schedule import agree, setup_keys
from secure_chat.e2ee.ml_kem import decapsulate, encapsulate
from secure_chat.e2ee.parties import OwnParty, Party
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, SignedPrekeySecret
from secure_chat.e2ee.session import Session
from secure_chat.encoding import Writer, tag
from secure_chat.errors import PrekeyGone, SessionAhead, SessionMismatch, SessionUnknown
from secure_chat.limits import MAX_GENERATION_AHEAD_SECONDS

Encapsulation = Callable[[bytes], tuple[bytes, bytes]]  # a public key to (secret of 32, ciphertext of 1,088 bytes)


def initiate(
    own: OwnParty,
    peer: Party,
    bundle: Bundle,
    *,
    gen: int,
    random: Randomness,
    now_ms: int,
    is_reset: bool = False,
    encapsulation: Encapsulation = encapsulate,
) -> Session:
    """A new session to one device, nothing sent on it yet.

    `gen`: from `next_generation`. `is_reset`: it is to be used before every older session, because a person asked for
    it or a chain has ended. `encapsulation` draws its own randomness; vectors put a frozen one in its place. Raises
    `OwnKeyInUse` and `PostQuantumMissing`.
    """
    own.refuse_own_keys(peer.dh_key)
    signed, once = bundle.signed, bundle.one_time
    ephemeral = random(SECRET_BYTES)
    kem_secret, ciphertext = encapsulation((once or signed).kem_key.raw)
    once_id = once.prekey_id if once else None
    # Each message says in from_dl what the newest device list is when it is sealed.
    init = InitFields(gen, crypto_scalarmult_base(ephemeral), signed.prekey_id, once_id, FIRST_VERSION, ciphertext)
    agreed = [
        agree(own.secrets.dh_secret, signed.dh_key.raw),
        agree(ephemeral, peer.dh_key.raw),
        agree(ephemeral, signed.dh_key.raw),
    ]
    if once:
        agreed.append(agree(ephemeral, once.dh_key.raw))
    written = transcript(own.public, peer, signed, once, init)
    session = _session(own, peer, written, [*agreed, kem_secret], gen, now_ms)
    return replace(session, is_initiator=True, is_reset=is_reset, peer_ratchet=signed.dh_key.raw, init=init)


def accept(
    own: OwnParty,
    peer: Party,
    envelope: Envelope,
    signed: SignedPrekeySecret,
    one_time: OneTimePrekeySecret | None,
    now_ms: int,
) -> Session:
    """The session that an envelope of type init begins; whether the envelope opens shows next.

    `peer`: the sender in the newest accepted list. `signed`, `one_time`: the secrets that the envelope names. The
    caller has looked into the replay cache for (spk_id, ek). Raises `SessionUnknown` for an envelope that begins none,
    `SessionAhead`, `PrekeyGone` for other prekeys than it names, `OwnKeyInUse`, `KeyWorthless`, and `SessionMismatch`.
    """
    init = envelope.init
    if init is None:
        raise SessionUnknown
    if envelope.recipient != own.public.address or envelope.sender != peer.address:
        raise SessionMismatch
    check_generation(init.gen, now_ms)
    spk = signed.published.prekey
    otp = one_time.published.prekey if one_time else None
    if init.spk_id != spk.prekey_id or init.otp_id != (otp.prekey_id if otp else None):
        raise PrekeyGone
    own.refuse_own_keys(peer.dh_key)
    agreed = [
        agree(signed.secret.dh_secret, peer.dh_key.raw),
        agree(own.secrets.dh_secret, init.ek),
        agree(signed.secret.dh_secret, init.ek),
    ]
    if one_time:
        agreed.append(agree(one_time.secret.dh_secret, init.ek))
    kem_secret = decapsulate((one_time or signed).secret.kem_seed, init.ct)
    written = transcript(peer, own.public, spk, otp, init)
    session = _session(own, peer, written, [*agreed, kem_secret], init.gen, now_ms)
    if not hmac.compare_digest(session.sid8, envelope.sid8):
        raise SessionMismatch
    return replace(session, ratchet_secret=signed.secret.dh_secret)


def _session(own: OwnParty, peer: Party, written: bytes, agreed: list[bytes], gen: int, now_ms: int) -> Session:
    """What both sides have in common; TH = SHA-256(T("th") || transcript)."""
    transcript_hash = hashlib.sha256(tag("th") + written).digest()
    root_key, sid = setup_keys(agreed, transcript_hash)
    known = (own.public.address, peer.address, peer.identity_key.raw, sid, transcript_hash)
    return Session(*known, gen, False, False, now_ms, root_key, b"", b"")


def check_generation(gen: int, now_ms: int) -> None:
    """Refuse a session from more than a day ahead. Raises `SessionAhead`."""
    if gen > now_ms // 1000 + MAX_GENERATION_AHEAD_SECONDS:
        raise SessionAhead


def transcript(
    initiator: Party, responder: Party, signed: SignedPrekey, one_time: OneTimePrekey | None, init: InitFields
) -> bytes:
    """Everything that both sides must believe alike: 2,582 bytes, 3,806 with a one-time prekey."""
    writer = Writer().u8(SUITE).rest(initiator.encode()).rest(responder.encode())
    writer.rest(signed.prekey_id).rest(signed.dh_key.raw).rest(signed.kem_key.raw).u8(1 if one_time else 0)
    if one_time:
        writer.rest(one_time.encode())
    return writer.u32(init.gen).fixed(init.ek, 32).fixed(init.ct, 1088).finish()
