"""The frozen vectors: the code makes exactly these, opens the valid ones and refuses the invalid ones as they say."""

import hashlib
import json
from functools import cache, partial
from typing import Any

import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt

from secure_chat.e2ee.bodies import parse_body
from secure_chat.e2ee.content import Content
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.key_schedule import agree, hkdf, setup_keys
from secure_chat.e2ee.messages import open_envelope
from secure_chat.e2ee.ml_kem import decapsulate
from secure_chat.e2ee.setup import accept
from secure_chat.encoding import tag
from secure_chat.errors import ChatError
from tests.e2ee import vectors
from tests.e2ee.pair import NOW, Side


@cache
def loaded(name: str) -> Any:
    """One file; JSON is untyped until it is compared."""
    return json.loads((vectors.DIRECTORY / name).read_text(encoding="utf-8"))


def rows(name: str, key: str) -> list[Any]:
    return [pytest.param(row, id=str(row.get("what", index))) for index, row in enumerate(loaded(name)[key])]


@pytest.mark.negative(49)
@pytest.mark.parametrize("name", sorted(vectors.all_vectors()))
def test_the_vectors_are_frozen(name: str) -> None:
    """A change of one byte anywhere in an encoding, a key schedule, a tag or an envelope shows here."""
    frozen = (vectors.DIRECTORY / name).read_text(encoding="utf-8")
    assert frozen == vectors.as_text(vectors.all_vectors()[name])


@pytest.mark.parametrize("row", rows("contents.json", "valid"))
def test_a_frozen_content_is_read(row: Any) -> None:
    content = Content.parse(bytes.fromhex(row["bytes"]))
    assert content.encode().hex() == row["bytes"]
    assert content.core().digest().hex() == row["core_hash"]


@pytest.mark.parametrize("row", rows("bodies.json", "valid"))
def test_a_frozen_body_is_read(row: Any) -> None:
    assert parse_body(row["kind"], bytes.fromhex(row["bytes"])).encode().hex() == row["bytes"]


@pytest.mark.negative(49)
@pytest.mark.parametrize("row", [*rows("contents.json", "invalid"), *rows("bodies.json", "invalid")])
def test_a_frozen_content_or_body_that_is_none_is_refused(row: Any) -> None:
    parse = partial(parse_body, row["kind"]) if "kind" in row else Content.parse
    with pytest.raises(ChatError) as refusal:
        parse(bytes.fromhex(row["bytes"]))
    assert refusal.value.code == row["error"]


@pytest.mark.negative(49)
@pytest.mark.parametrize("row", rows("envelopes.json", "invalid"))
def test_a_frozen_envelope_that_is_none_is_refused(row: Any) -> None:
    with pytest.raises(ChatError) as refusal:
        Envelope.parse(bytes.fromhex(row["bytes"]))
    assert refusal.value.code == row["error"]


@pytest.mark.parametrize("case", loaded("setups.json")["cases"], ids=["with one-time prekey", "without"])
def test_a_frozen_set_up_follows_from_its_secrets_alone(case: Any) -> None:
    """Computed here from the file, step by step, as PROTOCOL.md 20.3 says; the code's own set-up is not asked."""
    file = loaded("setups.json")
    alice, bob = file["alice"], file["bob"]
    ek = bytes.fromhex(case["ek_secret"])
    signed, once = bytes.fromhex(bob["signed_prekey"]), bytes.fromhex(bob["one_time_prekey"])
    agreed = [
        agree(bytes.fromhex(alice["dh_secret"]), signed[9:41]),
        agree(ek, bytes.fromhex(bob["dh_key"])),
        agree(ek, signed[9:41]),
    ]
    seed = bytes.fromhex(bob["signed_kem_seed"])
    if case["has_otp"]:
        agreed.append(agree(ek, once[8:40]))
        seed = bytes.fromhex(bob["one_time_kem_seed"])
    secret = decapsulate(seed, bytes.fromhex(case["kem_ciphertext"]))
    assert secret.hex() == case["kem_secret"]
    root_key, sid = setup_keys([*agreed, secret], bytes.fromhex(case["transcript_hash"]))
    assert (root_key.hex(), sid.hex()) == (case["root_key"], case["sid"])


@pytest.mark.parametrize("case", loaded("setups.json")["cases"], ids=["with one-time prekey", "without"])
def test_the_frozen_envelopes_of_a_set_up_are_opened_or_refused_as_they_say(case: Any) -> None:
    alice, bob = Side("alice"), Side("bob")
    once = bob.once if case["has_otp"] else None
    for row in [{"bytes": case["envelope"], "error": ""}, *case["invalid"]]:
        error = ""
        try:
            envelope = Envelope.parse(bytes.fromhex(row["bytes"]))
            open_envelope(accept(bob.own, alice.party, envelope, bob.signed, once, NOW), envelope, NOW)
        except ChatError as refusal:
            error = refusal.code
        assert error == row["error"]


@pytest.mark.parametrize("step", rows("conversation.json", "steps"))
def test_each_frozen_message_opens_with_what_its_message_key_makes(step: Any) -> None:
    """Computed here from the file, as PROTOCOL.md 21.2 says, with the library's AEAD."""
    setup = loaded("setups.json")["cases"][0]
    data = bytes.fromhex(step["envelope"])
    header, commitment, sealed = data[:-816], data[-816:-784], data[-784:]
    associated = tag("ad") + bytes.fromhex(setup["sid"] + setup["transcript_hash"]) + header
    output = hkdf(bytes(32), bytes.fromhex(step["message_key"]), tag("msg") + hashlib.sha256(associated).digest(), 88)
    assert output.hex() == step["key"] + step["nonce"] + step["commitment"]
    assert commitment.hex() == step["commitment"]
    assert header[3:19].hex() == step["env_id"]
    padded = crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, associated, output[32:56], output[:32])
    assert padded.rstrip(b"\x00")[:-1].hex() == step["content"]


def test_the_tags_are_the_frozen_ones() -> None:
    for name, data in loaded("direct_tags.json")["tags"].items():
        assert tag(name).hex() == data
