"""Two devices' half of direct messages, written from PROTOCOL.md part two alone. It imports nothing of the project."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_scalarmult,
    crypto_scalarmult_base,
)

HEADER_START: Final = 67  # version, suite, type, env_id, from, to, sid8
INIT: Final = 1144
RATCHET: Final = 40
COMMITMENT: Final = 32


def big(number: int, size: int) -> bytes:
    """Section 5: an unsigned integer."""
    return number.to_bytes(size, "big")


def text(string: str) -> bytes:
    """Section 5: str."""
    data = string.encode()
    return big(len(data), 4) + data


def tag(name: str) -> bytes:
    """Section 5: T(tag)."""
    return b"secure_chat/e2ee/1 " + name.encode() + b"\0"


def hkdf(salt: bytes, ikm: bytes, info: bytes, size: int) -> bytes:
    """Section 18.1."""
    key, output, block = hmac.digest(salt, ikm, "sha256"), b"", b""
    for number in range(1, -(-size // 32) + 1):
        block = hmac.digest(key, block + info + big(number, 1), "sha256")
        output += block
    return output[:size]


def raw(key: Ed25519PublicKey | MLKEM768PublicKey) -> bytes:
    """A public key as it travels."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


@dataclass(slots=True)
class Prekey:
    """Sections 5.3 and 19: the secrets of one prekey and what of it goes into a transcript."""

    identifier: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    x: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    mlkem: MLKEM768PrivateKey = field(default_factory=MLKEM768PrivateKey.generate)

    @property
    def public(self) -> bytes:
        """id 8, x 32, mlkem 1184."""
        return self.identifier + crypto_scalarmult_base(self.x) + raw(self.mlkem.public_key())


@dataclass(frozen=True, slots=True)
class Peer:
    """What a signed device list with one device says."""

    user_id: bytes
    identity: bytes
    device_id: bytes
    signing: bytes
    agreement: bytes

    @classmethod
    def of(cls, signed_list: bytes) -> Self:
        """Section 5.2; signatures checked."""
        name = int.from_bytes(signed_list[16:20], "big")
        at = 20 + name
        identity, entry = signed_list[at : at + 32], signed_list[at + 77 :]
        peer = cls(signed_list[:16], identity, entry[:4], entry[4:36], entry[36:68])
        Ed25519PublicKey.from_public_bytes(identity).verify(signed_list[-64:], tag("devlist") + signed_list[:-64])
        owned = signed_list[:16] + identity + entry[:4] + entry[36:68]
        Ed25519PublicKey.from_public_bytes(peer.signing).verify(entry[76:140], tag("device-pop") + owned)
        return peer

    @property
    def address(self) -> bytes:
        """As in an envelope."""
        return self.user_id + self.device_id

    @property
    def in_transcript(self) -> bytes:
        """user_id 16, UIK 32, device_id 4, DSK 32, DDH 32."""
        return self.user_id + self.identity + self.device_id + self.signing + self.agreement


class Device:
    """A person with one device."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._identity, self._signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.agreement = secrets.token_bytes(32)
        user_id, device_id = secrets.token_bytes(16), big(1 + secrets.randbelow(2**32 - 1), 4)
        identity, signing = raw(self._identity.public_key()), raw(self._signing.public_key())
        self.public = Peer(user_id, identity, device_id, signing, crypto_scalarmult_base(self.agreement))
        self.signed, self.once = Prekey(), Prekey()

    def device_list(self) -> bytes:
        """Section 5.2: version 1."""
        me, now = self.public, big(int(time.time() * 1000), 8)
        owned = me.user_id + me.identity + me.device_id + me.agreement
        entry = me.device_id + me.signing + me.agreement + now + self._signing.sign(tag("device-pop") + owned)
        listed = me.user_id + text(self.name) + me.identity + big(1, 4) + bytes(32) + now + b"\x01" + entry
        return listed + self._identity.sign(tag("devlist") + listed)

    def signed_prekey(self) -> bytes:
        """Section 5.3: SPK and its signature."""
        key = self.signed.public
        spk = key[:8] + b"\x01" + key[8:] + big(int(time.time() * 1000), 8)
        return spk + self._signing.sign(tag("prekey-signed") + self.public.address + spk)

    def one_time_prekey(self) -> bytes:
        """Section 5.3: OTP and its signature."""
        otp = self.once.public
        return otp + self._signing.sign(tag("prekey-once") + self.public.address + otp)


class Session:
    """Sections 20 and 21, from one side. Nothing is limited and nothing is forgotten."""

    def __init__(self, own: Peer, peer: Peer, transcript: bytes, agreed: list[bytes]) -> None:
        self.own, self.peer = own, peer
        self.transcript_hash = hashlib.sha256(tag("th") + transcript).digest()
        keys = hkdf(bytes(32), b"\xff" * 32 + b"".join(agreed), tag("init") + self.transcript_hash, 64)
        self._root, self.sid = keys[:32], keys[32:]
        self._init = b""
        self._secret, self._theirs = b"", b""
        self._sending, self._receiving = b"", b""
        self._sent, self._sent_before, self._received = 0, 0, 0
        self._kept: dict[tuple[bytes, int], bytes] = {}

    @classmethod
    def initiate(cls, own: Device, peer: Peer, signed: bytes, once: bytes = b"") -> Self:
        """Section 20.1. `signed`, `once`: as the server hands them out."""
        verifier = Ed25519PublicKey.from_public_bytes(peer.signing)
        verifier.verify(signed[1233:], tag("prekey-signed") + peer.address + signed[:1233])
        spk = signed[:8] + signed[9:1225]
        if once:
            verifier.verify(once[1224:], tag("prekey-once") + peer.address + once[:1224])
        otp = once[:1224]
        ek = secrets.token_bytes(32)
        shared, ct = MLKEM768PublicKey.from_public_bytes((otp or spk)[40:]).encapsulate()
        gen = big(int(time.time()), 4)
        agreed = [
            crypto_scalarmult(own.agreement, spk[8:40]),
            crypto_scalarmult(ek, peer.agreement),
            crypto_scalarmult(ek, spk[8:40]),
            *([crypto_scalarmult(ek, otp[8:40])] if otp else []),
            shared,
        ]
        beginning = gen + crypto_scalarmult_base(ek)
        session = cls(own.public, peer, _transcript(own.public, peer, spk, otp, beginning + ct), agreed)
        session._init = beginning + spk[:8] + (otp[:8] or bytes(8)) + big(1, 4) + ct
        session._theirs = spk[8:40]
        return session

    @classmethod
    def accept(cls, own: Device, peer: Peer, envelope: bytes) -> Self:
        """Section 20.4 h."""
        init = envelope[HEADER_START:][:INIT]
        gen, ek, spk_id, otp_id, ct = init[:4], init[4:36], init[36:44], init[44:52], init[56:]
        assert spk_id == own.signed.identifier
        once = None if otp_id == bytes(8) else own.once
        agreed = [
            crypto_scalarmult(own.signed.x, peer.agreement),
            crypto_scalarmult(own.agreement, ek),
            crypto_scalarmult(own.signed.x, ek),
            *([crypto_scalarmult(once.x, ek)] if once else []),
            (once or own.signed).mlkem.decapsulate(ct),
        ]
        otp = once.public if once else b""
        transcript = _transcript(peer, own.public, own.signed.public, otp, gen + ek + ct)
        session = cls(own.public, peer, transcript, agreed)
        assert session.sid[:8] == envelope[59:67]
        session._secret = own.signed.x
        return session

    def seal(self, content: bytes) -> bytes:
        """Section 21.2."""
        if not self._sending:
            self._secret = secrets.token_bytes(32)
            self._root, self._sending = self._step(self._secret, self._theirs)
        self._sending, mk = _next(self._sending)
        kind = b"\x01" if self._init else b"\x02"
        start = b"\x01\x01" + kind + secrets.token_bytes(16) + self.own.address + self.peer.address + self.sid[:8]
        place = crypto_scalarmult_base(self._secret) + big(self._sent_before, 4) + big(self._sent, 4)
        self._sent += 1
        header = start + self._init + place
        key, nonce, commitment, ad = self._keys(mk, header)
        return header + commitment + crypto_aead_xchacha20poly1305_ietf_encrypt(pad(content), ad, nonce, key)

    def open(self, envelope: bytes) -> bytes:
        """Section 21.3."""
        assert envelope[:2] == b"\x01\x01"
        assert envelope[19:39] == self.peer.address
        assert envelope[39:59] == self.own.address
        assert envelope[59:67] == self.sid[:8]
        end = HEADER_START + (INIT if envelope[2] == 1 else 0) + RATCHET
        header, place = envelope[:end], envelope[end - RATCHET : end]
        theirs, before, number = place[:32], int.from_bytes(place[32:36], "big"), int.from_bytes(place[36:], "big")
        if (theirs, number) not in self._kept:
            if theirs != self._theirs or not self._receiving:
                self._turn(theirs, before)
            self._keep_up_to(number + 1)
        key, nonce, commitment, ad = self._keys(self._kept.pop((theirs, number)), header)
        assert hmac.compare_digest(commitment, envelope[end : end + COMMITMENT])
        self._init = b""
        return unpad(crypto_aead_xchacha20poly1305_ietf_decrypt(envelope[end + COMMITMENT :], ad, nonce, key))

    def _turn(self, theirs: bytes, before: int) -> None:
        if self._receiving:
            self._keep_up_to(before)
        self._root, self._receiving = self._step(self._secret, theirs)
        self._theirs, self._received = theirs, 0
        self._sent_before, self._sent, self._sending = self._sent, 0, b""

    def _keep_up_to(self, end: int) -> None:
        while self._received < end:
            self._receiving, mk = _next(self._receiving)
            self._kept[self._theirs, self._received] = mk
            self._received += 1

    def _step(self, own: bytes, theirs: bytes) -> tuple[bytes, bytes]:
        output = hkdf(self._root, crypto_scalarmult(own, theirs), tag("root"), 64)
        return output[:32], output[32:]

    def _keys(self, mk: bytes, header: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        ad = tag("ad") + self.sid + self.transcript_hash + header
        output = hkdf(bytes(32), mk, tag("msg") + hashlib.sha256(ad).digest(), 88)
        return output[:32], output[32:56], output[56:], ad


def _transcript(a: Peer, b: Peer, spk: bytes, otp: bytes, rest: bytes) -> bytes:
    """Section 18.2."""
    has_otp = b"\x01" + otp if otp else b"\x00"
    return b"\x01" + a.in_transcript + b.in_transcript + spk + has_otp + rest


def _next(chain: bytes) -> tuple[bytes, bytes]:
    return hmac.digest(chain, b"\x02", "sha256"), hmac.digest(chain, b"\x01", "sha256")


# --- content -------------------------------------------------------------------------------------


def padded_size(length: int) -> int:
    """Section 23.5, by its table."""
    for size in (768, 1536, 3072):
        if length <= size:
            return size
    step = 128 if length <= 4096 else 256 if length <= 8192 else 512
    return -(-length // step) * step


def pad(content: bytes) -> bytes:
    """Section 23.5."""
    marked = content + b"\x80"
    return marked.ljust(padded_size(len(marked)), b"\0")


def unpad(padded: bytes) -> bytes:
    """Section 23.5."""
    marked = padded.rstrip(b"\0")
    assert marked.endswith(b"\x80")
    assert padded_size(len(marked)) == len(padded)
    return marked[:-1]


def text_content(said: str, seq: int, prev: bytes, lists: bytes) -> tuple[bytes, bytes]:
    """Section 18.2 and 18.3: a content of kind text, and what the next one has in `prev`."""
    body = bytes(16) + said.encode()
    msg_id, sent_at = secrets.token_bytes(16), big(int(time.time() * 1000), 8)
    common = msg_id + sent_at + bytes(4) + big(seq, 8) + prev
    core = b"\x01\x00" + common + body
    content = b"\x01\x00" + common + lists + bytes(40) + body
    return content, hashlib.sha256(tag("core") + core).digest()


# --- comparing -----------------------------------------------------------------------------------


def fingerprint(user_id: bytes, name: str, identity: bytes, server_id: bytes) -> bytes:
    """Section 26.3: the last h."""
    digest = hashlib.sha512(tag("fingerprint") + user_id + text(name) + identity + server_id).digest()
    for _ in range(5200):
        digest = hashlib.sha512(digest + identity).digest()
    return digest


def safety_number(*fingerprints: bytes) -> str:
    """Section 26.3: 60 digits."""
    halves = []
    for each in fingerprints:
        groups = [int.from_bytes(each[start : start + 5], "big") % 100_000 for start in range(0, 30, 5)]
        halves.append("".join(f"{group:05}" for group in groups))
    return "".join(sorted(halves))
