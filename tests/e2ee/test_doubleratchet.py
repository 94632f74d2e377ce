"""The ratchet against another one: the library `doubleratchet` with our key derivation and AEAD, byte for byte.

Each schedule is random: who sends, what is lost, doubled or comes late. One side is ours, the other the library's, in
both roles; both must open exactly the same messages, and to the same texts.
"""

import hmac
import random
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeVar

import pytest
from doubleratchet import (
    AEAD,
    KDF,
    AuthenticationFailedException,
    DiffieHellmanRatchet,
    DoubleRatchet,
    DuplicateMessageException,
    EncryptedMessage,
    Header,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_scalarmult,
    crypto_scalarmult_base,
)
from nacl.exceptions import CryptoError

from secure_chat.e2ee.envelope import ChainPlace
from secure_chat.e2ee.key_schedule import hkdf, message_keys
from secure_chat.e2ee.parties import Address
from secure_chat.e2ee.ratchet import next_sending_key, receiving_key
from secure_chat.e2ee.session import Session
from secure_chat.encoding import tag
from secure_chat.errors import ChatError
from tests.e2ee.pair import NOW

Answer = TypeVar("Answer")
ROOT = b"r" * 32
PREKEY = b"p" * 32
SESSION = tag("ad") + b"sid" * 10


def at_once(work: Coroutine[object, object, Answer]) -> Answer:
    """The library's functions are coroutines that never wait."""
    try:
        work.send(None)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    raise AssertionError("a coroutine of the library waits for something")


class RootKdf(KDF):
    """KDF_RK."""

    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        return hkdf(key, data, tag("root"), length)


class ChainKdf(KDF):
    """HMAC under 0x02 for the chain, under 0x01 for the message: the library takes them in this order."""

    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        assert (data, length) == (b"", 64)
        return hmac.digest(key, b"\x02", "sha256") + hmac.digest(key, b"\x01", "sha256")


class CommittingAead(AEAD):
    """The commitment and XChaCha20-Poly1305."""

    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        keys = message_keys(key, associated_data)
        return keys.commitment + crypto_aead_xchacha20poly1305_ietf_encrypt(
            plaintext, associated_data, keys.nonce, keys.key
        )

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        keys = message_keys(key, associated_data)
        if ciphertext[:32] != keys.commitment:
            raise AuthenticationFailedException
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext[32:], associated_data, keys.nonce, keys.key)
        except CryptoError as error:
            raise AuthenticationFailedException from error


class Curve25519(DiffieHellmanRatchet):
    """libsodium's X25519."""

    @staticmethod
    def _generate_priv() -> bytes:
        return random.randbytes(32)

    @staticmethod
    def _derive_pub(priv: bytes) -> bytes:
        return crypto_scalarmult_base(priv)

    @staticmethod
    def _perform_diffie_hellman(own_priv: bytes, other_pub: bytes) -> bytes:
        return crypto_scalarmult(own_priv, other_pub)


def in_header(place: ChainPlace) -> bytes:
    """One encoding of the header for both."""
    ratchet_key, pn, n = place
    return ratchet_key + pn.to_bytes(4, "big") + n.to_bytes(4, "big")


class LibraryRatchet(DoubleRatchet):
    """With the header encoded as ours."""

    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        place = (header.ratchet_pub, header.previous_sending_chain_length, header.sending_chain_length)
        return associated_data + in_header(place)


PARAMETERS: Final[dict[str, Any]] = {
    "diffie_hellman_ratchet_class": Curve25519,
    "root_chain_kdf": RootKdf,
    "message_chain_kdf": ChainKdf,
    "message_chain_constant": b"",
    "dos_protection_threshold": 1000,
    "max_num_skipped_message_keys": 2000,
    "aead": CommittingAead,
}
Message = tuple[ChainPlace, bytes]


class End(Protocol):
    """One end of a conversation."""

    def send(self, words: bytes) -> Message:
        """Seal the next message."""

    def receive(self, message: Message) -> bytes | None:
        """Open a message; None when it is refused."""


class Ours:
    """The ratchet of this program."""

    def __init__(self, *, begins: bool) -> None:
        nobody = Address(bytes(16), 1)
        self.session = Session(
            own=nobody,
            peer=nobody,
            peer_identity=b"",
            sid=bytes(32),
            transcript_hash=b"",
            gen=1,
            is_initiator=begins,
            is_reset=False,
            created_ms=NOW,
            root_key=ROOT,
            ratchet_secret=b"" if begins else PREKEY,
            peer_ratchet=crypto_scalarmult_base(PREKEY) if begins else b"",
        )

    def send(self, words: bytes) -> Message:
        self.session, place, key = next_sending_key(self.session, random.randbytes, NOW)
        return place, at_once(CommittingAead.encrypt(words, key, SESSION + in_header(place)))

    def receive(self, message: Message) -> bytes | None:
        place, ciphertext = message
        try:
            after, key = receiving_key(self.session, place, NOW)
            words = at_once(CommittingAead.decrypt(ciphertext, key, SESSION + in_header(place)))
        except (ChatError, AuthenticationFailedException):
            return None
        self.session = after
        return words


class Theirs:
    """The library's, which can only receive until something has come, unless it begins."""

    def __init__(self, *, begins: bool) -> None:
        self.begins = begins
        self.ratchet: LibraryRatchet | None = None

    def send(self, words: bytes) -> Message:
        if self.ratchet is None:
            self.ratchet, sealed = at_once(
                LibraryRatchet.encrypt_initial_message(
                    **PARAMETERS,
                    shared_secret=ROOT,
                    recipient_ratchet_pub=crypto_scalarmult_base(PREKEY),
                    message=words,
                    associated_data=SESSION,
                )
            )
        else:
            sealed = at_once(self.ratchet.encrypt_message(words, SESSION))
        ratchet_key, pn, n = sealed.header
        return (ratchet_key, pn, n), sealed.ciphertext

    def receive(self, message: Message) -> bytes | None:
        place, ciphertext = message
        sealed = EncryptedMessage(Header(*place), ciphertext)
        try:
            if self.ratchet is not None:
                return at_once(self.ratchet.decrypt_message(sealed, SESSION))
            self.ratchet, words = at_once(
                LibraryRatchet.decrypt_initial_message(
                    **PARAMETERS, shared_secret=ROOT, own_ratchet_priv=PREKEY, message=sealed, associated_data=SESSION
                )
            )
        except (AuthenticationFailedException, DuplicateMessageException):
            return None
        return words


def follow_schedule(seed: int) -> int:
    """One random conversation; returns how many messages came after a later one. Fails on the first difference."""
    dice = random.Random(seed)  # a schedule, no secret
    ends: tuple[End, End] = (Ours(begins=True), Theirs(begins=False))
    if seed % 2:
        ends = (Theirs(begins=True), Ours(begins=False))
    roads: tuple[list[tuple[int, Message]], ...] = ([], [])
    opened: tuple[set[int], set[int]] = (set(), set())
    latest = [-1, -1]
    late = 0
    can_send = [True, False]
    for number in range(dice.randrange(20, 80)):
        side = dice.randrange(2)
        if can_send[side] and dice.random() < 0.55:
            roads[side].append((number, ends[side].send(b"%d" % number)))
        elif roads[side]:
            place = dice.randrange(len(roads[side])) if dice.random() < 0.5 else 0
            fate = dice.random()
            count, message = roads[side][place]
            if fate > 0.2:
                words = ends[1 - side].receive(message)
                expected = None if count in opened[side] else b"%d" % count
                assert words == expected, (seed, number)
                opened[side].add(count)
                late += count < latest[side]
                latest[side] = max(latest[side], count)
                can_send[1 - side] = True
            if fate < 0.85:  # otherwise it comes once more
                del roads[side][place]
            del roads[side][: max(0, len(roads[side]) - 12)]  # what is older is lost
    return late


@pytest.mark.negative(13)
def test_two_hundred_random_schedules_open_alike() -> None:
    assert sum(follow_schedule(seed) for seed in range(200)) > 200


@pytest.mark.long
@pytest.mark.negative(13)
def test_a_thousand_random_schedules_open_alike() -> None:
    assert sum(follow_schedule(seed) for seed in range(1000, 2000)) > 1000
