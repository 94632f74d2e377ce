"""Make the vectors of direct messages in tests/vectors/e2ee: `python -m tests.e2ee.vectors` writes them anew.

They are frozen: a test fails when the code makes others. Every `bytes` is hexadecimal; a negative vector names the
code of the error that it must cause. Randomness is drawn as `drawn` says; ML-KEM's encapsulation draws its own, so its
ciphertexts are kept in encapsulations.json, and its secrets are what the prekeys' secrets make of them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from msgspec.structs import replace

from secure_chat.e2ee.content import core_hash
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.key_schedule import message_keys
from secure_chat.e2ee.messages import seal
from secure_chat.e2ee.ml_kem import decapsulate, encapsulate
from secure_chat.e2ee.padding import pad
from secure_chat.e2ee.prekey_secrets import PrekeySecret
from secure_chat.e2ee.ratchet import next_sending_key
from secure_chat.e2ee.safety_number import FingerprintParty, qr_payload, safety_number
from secure_chat.e2ee.session import Session
from secure_chat.e2ee.setup import initiate, transcript
from secure_chat.encoding import tag
from tests.e2ee.pair import GEN, NOW, Side, Talk, drawing, flipped, text
from tests.e2ee.samples import BAD_BODIES, BAD_CONTENTS, BODIES, CONTENTS, spliced

Json: TypeAlias = str | int | Sequence["Json"] | Mapping[str, "Json"]

DIRECTORY: Final = Path(__file__).parent.parent / "vectors" / "e2ee"
ENCAPSULATIONS: Final = DIRECTORY / "encapsulations.json"
SERVER_ID: Final = b"s" * 32
TAGS: Final = ("ad", "core", "fingerprint", "group", "init", "msg", "root", "th")


def all_vectors() -> dict[str, Json]:
    """File name to content."""
    return {
        "contents.json": contents(),
        "bodies.json": bodies(),
        "padding.json": padding(),
        "setups.json": setups(),
        "conversation.json": conversation(),
        "envelopes.json": envelopes(),
        "safety_numbers.json": safety_numbers(),
        "direct_tags.json": {"about": "PROTOCOL.md 18.4.", "tags": {name: tag(name).hex() for name in TAGS}},
    }


def contents() -> Json:
    """Contents with all that flags announce and without, and bytes that are none."""
    return {
        "about": "PROTOCOL.md 18.2: P, its core, and the digest of the core.",
        "valid": [
            {
                "what": what,
                "bytes": content.encode().hex(),
                "core": content.core().encode().hex(),
                "core_hash": core_hash(content).hex(),
            }
            for what, content in CONTENTS
        ],
        "invalid": [{"what": what, "bytes": data.hex(), "error": "encoding.invalid"} for what, data in BAD_CONTENTS],
    }


def bodies() -> Json:
    """A body of every kind, and bytes that are none."""
    return {
        "about": "PROTOCOL.md 18.3.",
        "valid": [{"kind": body.kind, "bytes": body.encode().hex()} for body, _ in BODIES],
        "invalid": [{"kind": kind, "bytes": data.hex(), "error": "encoding.invalid"} for kind, data in BAD_BODIES],
    }


def padding() -> Json:
    """The size that carries a content of each length: where it changes."""
    sizes: list[Json] = []
    last = 0
    for length in range(16_384):
        size = len(pad(bytes(length)))
        if size != last:
            sizes.append({"from": length, "size": size})
            last = size
    return {"about": "PROTOCOL.md 23.5: contents from this length on are padded to this size.", "sizes": sizes}


def frozen_encapsulation(public: bytes) -> tuple[bytes, bytes]:
    """What was drawn once for a prekey's ML-KEM key; the secret comes from the prekey's."""
    ciphertext = bytes.fromhex(json.loads(ENCAPSULATIONS.read_text(encoding="utf-8"))[public.hex()[:16]])
    return decapsulate(secret_of(public).kem_seed, ciphertext), ciphertext


def secret_of(public: bytes) -> PrekeySecret:
    """The secret halves of Bob's prekey with this ML-KEM key."""
    bob = Side("bob")
    secrets = (bob.signed.secret, bob.once.secret)
    return next(secret for secret in secrets if secret.kem_key.raw == public)


def frozen_session(*, with_once: bool) -> tuple[Side, Side, Session]:
    """Alice, Bob, and Alice's session to him, the same in every run."""
    alice, bob = Side("alice"), Side("bob")
    session = initiate(
        alice.own,
        bob.party,
        bob.bundle_for(alice, with_once=with_once),
        gen=GEN,
        random=drawing("set-up"),
        now_ms=NOW,
        encapsulation=frozen_encapsulation,
    )
    return alice, bob, session


def setups() -> Json:
    """The key schedule of a set-up with and without a one-time prekey, and its first envelope."""
    return {
        "about": "PROTOCOL.md 20. Alice opens a session with Bob's device; every secret is given. `envelope` carries "
        "the text `hello`. invalid: envelopes that Bob refuses, and why.",
        "now_ms": NOW,
        "gen": GEN,
        "alice": _person(Side("alice")),
        "bob": {**_person(Side("bob")), **_prekeys(Side("bob"))},
        "cases": [_setup(with_once) for with_once in (True, False)],
    }


def _setup(with_once: bool) -> Json:
    alice, bob, session = frozen_session(with_once=with_once)
    envelope = seal(session, 1, text(alice, bob), drawing("first message"), NOW).envelope
    bundle, init = bob.bundle_for(alice, with_once=with_once), Envelope.parse(envelope).init
    if init is None:
        raise AssertionError("the first message of a session has init fields")
    once = bytes(8) if init.otp_id is None else init.otp_id
    return {
        "has_otp": int(with_once),
        "ek_secret": drawing("set-up")(32).hex(),
        "kem_ciphertext": init.ct.hex(),
        "kem_secret": frozen_encapsulation((bundle.one_time or bundle.signed).kem_key.raw)[0].hex(),
        "transcript": transcript(alice.party, bob.party, bundle.signed, bundle.one_time, init).hex(),
        "transcript_hash": session.transcript_hash.hex(),
        "root_key": session.root_key.hex(),
        "sid": session.sid.hex(),
        "otp_id": once.hex(),
        "envelope": envelope.hex(),
        "invalid": [
            {"what": "another generation", "bytes": flipped(envelope, 8 * 70).hex(), "error": "session.mismatch"},
            {"what": "another KEM ciphertext", "bytes": flipped(envelope, 8 * 123).hex(), "error": "session.mismatch"},
            {
                "what": "another version of the sender's list",
                "bytes": spliced(envelope, 122, b"\x02").hex(),
                "error": "message.tag",
            },
            {"what": "EK of zeros", "bytes": spliced(envelope, 71, bytes(32)).hex(), "error": "session.key"},
            {"what": "another session tag", "bytes": flipped(envelope, 8 * 59).hex(), "error": "session.mismatch"},
            {"what": "another signed prekey", "bytes": flipped(envelope, 8 * 103).hex(), "error": "session.no_prekey"},
            {
                "what": "two days ahead",
                "bytes": spliced(envelope, 67, (GEN + 172_800).to_bytes(4, "big")).hex(),
                "error": "session.ahead",
            },
            {"what": "suite 2", "bytes": spliced(envelope, 1, b"\x02").hex(), "error": "encoding.invalid"},
        ],
    }


def conversation() -> Json:
    """Messages of both sides over three chains, two of them late, with every key."""
    talk = frozen_talk()
    steps: list[Json] = []
    waiting: list[tuple[str, bytes]] = []
    for who, words, arrives in SCRIPT:
        side, peer = (talk.alice, talk.bob) if who == "alice" else (talk.bob, talk.alice)
        session = talk.alices if who == "alice" else talk.bobs
        content = text(side, peer, words)
        random = drawing(words)
        env_id = random(16)
        after, place, message_key = next_sending_key(session, random, NOW)
        sealed = seal(session, 1, content, drawing(words), NOW)
        associated = tag("ad") + session.sid + session.transcript_hash + Envelope.parse(sealed.envelope).header
        keys = message_keys(message_key, associated)
        steps.append(
            {
                "from": who,
                "ratchet_secret": after.ratchet_secret.hex(),
                "pn": place[1],
                "n": place[2],
                "root_key": after.root_key.hex(),
                "message_key": message_key.hex(),
                "key": keys.key.hex(),
                "nonce": keys.nonce.hex(),
                "commitment": keys.commitment.hex(),
                "env_id": env_id.hex(),
                "content": content.encode().hex(),
                "envelope": sealed.envelope.hex(),
            }
        )
        if who == "alice":
            talk.alices = sealed.session
        else:
            talk.bobs = sealed.session
        waiting.append((who, sealed.envelope))
        if arrives:
            for sender, envelope in reversed(waiting):  # the last one first
                (talk.bob_reads if sender == "alice" else talk.alice_reads)(envelope)
            waiting.clear()
    return {
        "about": "PROTOCOL.md 21, after the set-up with one-time prekey of setups.json, whose envelope was opened. "
        "Each step seals a text; the envelopes are opened in another order.",
        "steps": steps,
    }


SCRIPT: Final = (
    ("bob", "answer", True),
    ("alice", "one", False),
    ("alice", "two", False),
    ("alice", "three", True),
    ("bob", "four", True),
    ("alice", "five", True),
)


def frozen_talk() -> Talk:
    """Both sides after the first envelope of setups.json."""
    talk = Talk(answered=False)
    talk.alice, talk.bob, session = frozen_session(with_once=True)
    sealed = seal(session, 1, text(talk.alice, talk.bob), drawing("first message"), NOW)
    talk.alices, talk.first = sealed.session, sealed.envelope
    talk.bobs = talk.bob.accepts(sealed.envelope, talk.alice).session
    return talk


def envelopes() -> Json:
    """Envelopes field by field, and bytes that are none."""
    alice, bob, session = frozen_session(with_once=True)
    init = seal(session, 3, text(alice, bob), drawing("an envelope"), NOW).envelope
    normal = seal(replace(session, init=None), 3, text(alice, bob), drawing("an envelope"), NOW).envelope
    bad = [
        *(("nothing", b""), ("one byte less", init[:-1]), ("one byte more", init + b"\x00")),
        *(("a size that nobody pads to", normal + bytes(16)), ("version 2", spliced(init, 0, b"\x02"))),
        *(("suite 2", spliced(init, 1, b"\x02")), ("type 3", spliced(init, 2, b"\x03"))),
        *(
            ("init fields without their type", spliced(init, 2, b"\x02")),
            ("env_id of zeros", spliced(init, 3, bytes(16))),
        ),
        *(("sender of zeros", spliced(init, 19, bytes(16))), ("sender's device 0", spliced(init, 35, bytes(4)))),
        *(("recipient of zeros", spliced(init, 39, bytes(16))), ("recipient's device 0", spliced(init, 55, bytes(4)))),
        *(("generation 0", spliced(init, 67, bytes(4))), ("SPK id of zeros", spliced(init, 103, bytes(8)))),
        ("list of version 0", spliced(init, 119, bytes(4))),
    ]
    return {
        "about": "PROTOCOL.md 18.2.",
        "valid": [_envelope(init), _envelope(normal)],
        "invalid": [{"what": what, "bytes": data.hex(), "error": "encoding.invalid"} for what, data in bad],
    }


def safety_numbers() -> Json:
    """Numbers of a pair of people, and the code that each shows the other."""
    alice, bob = (_fingerprint(Side(name)) for name in ("alice", "bob"))
    return {
        "about": "PROTOCOL.md 26.2 and 26.3. alice_shows is what Bob's camera reads.",
        "server_id": SERVER_ID.hex(),
        "alice": _person(Side("alice")),
        "bob": _person(Side("bob")),
        "number": safety_number(alice, bob, SERVER_ID),
        "alice_shows": qr_payload(alice, bob, SERVER_ID).hex(),
        "bob_shows": qr_payload(bob, alice, SERVER_ID).hex(),
    }


def _fingerprint(side: Side) -> FingerprintParty:
    return FingerprintParty(side.party.user_id, side.name, side.party.identity_key)


def _envelope(data: bytes) -> Json:
    envelope = Envelope.parse(data)
    init = envelope.init
    fields: dict[str, Json] = {
        "type": envelope.type,
        "env_id": envelope.env_id.hex(),
        "sender": [envelope.sender.user_id.hex(), envelope.sender.device_id],
        "recipient": [envelope.recipient.user_id.hex(), envelope.recipient.device_id],
        "sid8": envelope.sid8.hex(),
        "ratchet_pub": envelope.ratchet_pub.hex(),
        "pn": envelope.pn,
        "n": envelope.n,
        "commitment": envelope.commitment.hex(),
        "bytes": data.hex(),
    }
    if init is not None:
        fields |= {"gen": init.gen, "ek": init.ek.hex(), "spk_id": init.spk_id.hex(), "from_dl": init.from_dl}
        fields |= {"otp_id": (init.otp_id or bytes(8)).hex()}
    return fields


def _person(side: Side) -> dict[str, Json]:
    party = side.party
    return {
        "name": side.name,
        "user_id": party.user_id.hex(),
        "device_id": party.device_id,
        "identity_key": party.identity_key.raw.hex(),
        "signing_key": party.signing_key.raw.hex(),
        "dh_key": party.dh_key.raw.hex(),
        "dh_secret": side.own.secrets.dh_secret.hex(),
    }


def _prekeys(side: Side) -> dict[str, Json]:
    return {
        "signed_prekey": side.signed.published.encode().hex(),
        "signed_dh_secret": side.signed.secret.dh_secret.hex(),
        "signed_kem_seed": side.signed.secret.kem_seed.hex(),
        "one_time_prekey": side.once.published.encode().hex(),
        "one_time_dh_secret": side.once.secret.dh_secret.hex(),
        "one_time_kem_seed": side.once.secret.kem_seed.hex(),
    }


def draw_encapsulations() -> None:
    """Draw the ciphertexts once; to be called only when Bob's prekeys are others."""
    bob = Side("bob")
    keys = [secret.kem_key.raw for secret in (bob.signed.secret, bob.once.secret)]
    drawn = {key.hex()[:16]: encapsulate(key)[1].hex() for key in keys}
    ENCAPSULATIONS.write_text(as_text(drawn), encoding="utf-8")


def write() -> None:
    """Write every file."""
    if not ENCAPSULATIONS.exists():
        draw_encapsulations()
    for name, content in all_vectors().items():
        (DIRECTORY / name).write_text(as_text(content), encoding="utf-8")


def as_text(content: Json) -> str:
    """The text of one file."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write()
