"""The bytes of a login bind one server, one connection, one device; those of an invite bind who asked whom."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from secure_chat.directory.keys import DeviceId, DeviceSigningKey, IdentityPublicKey, UserId
from secure_chat.directory.pins import inviter_pin
from secure_chat.errors import (
    DeviceSignatureInvalid,
    EncodingError,
    InviteProofInvalid,
    LoginDerivationRefused,
)
from secure_chat.limits import BCRYPT_COST_FLOOR
from secure_chat.protocol.authentication import (
    LOGIN_KDF,
    NEWEST_LOGIN_KDF,
    Invitation,
    bcrypt_input,
    check_invite_proof,
    invite_proof,
    invite_token_hash,
    login_kdf,
    login_salt,
    login_signature_payload,
    resume_token_hash,
    verify_login_signature,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors/protocol/authentication.json").read_text("utf-8")
)
SIGNATURE: dict[str, Any] = VECTORS["login_signature"]
PROOF: dict[str, Any] = VECTORS["invite_proof"]
SERVER, USER, NONCE, LEAF = b"\x01" * 32, UserId(b"\x02" * 16), b"\x03" * 32, b"\x04" * 32


def refusals(vectors: dict[str, Any]) -> Any:
    return [pytest.param(case, id=case["what"]) for case in vectors["refused"]]


def payload_of(connection: dict[str, Any]) -> bytes:
    return login_signature_payload(
        bytes.fromhex(connection["server_id"]),
        UserId(bytes.fromhex(connection["user_id"])),
        DeviceId(connection["device_id"]),
        bytes.fromhex(connection["nonce"]),
        bytes.fromhex(connection["leaf_hash"]),
    )


def invitation_of(parts: dict[str, Any]) -> Invitation:
    return Invitation(
        bytes.fromhex(parts["token_hash"]),
        UserId(bytes.fromhex(parts["inviter_user_id"])),
        IdentityPublicKey(bytes.fromhex(parts["inviter_identity_key"])),
        UserId(bytes.fromhex(parts["joiner_user_id"])),
        parts["joiner_name"],
        IdentityPublicKey(bytes.fromhex(parts["joiner_identity_key"])),
    )


# --- the login secret ----------------------------------------------------------------------------


def test_the_table_of_derivations_is_the_published_one() -> None:
    rows = [
        {
            "row": row.row,
            "operations": row.operations,
            "memory_bytes": row.memory_bytes,
            "lanes": row.lanes,
            "output_bytes": row.output_bytes,
        }
        for row in LOGIN_KDF
    ]
    assert rows == VECTORS["login_kdf"]
    assert [row.row for row in LOGIN_KDF] == list(range(1, NEWEST_LOGIN_KDF + 1))


@pytest.mark.parametrize("row", [-1, 0, NEWEST_LOGIN_KDF + 1, 2**32])
@pytest.mark.negative(41)
def test_a_derivation_that_is_not_in_the_table_is_refused(row: int) -> None:
    with pytest.raises(LoginDerivationRefused):
        login_kdf(row)


@pytest.mark.negative(41)
def test_a_derivation_below_the_one_last_used_with_the_server_is_refused() -> None:
    assert login_kdf(1, lowest=1) is LOGIN_KDF[0]
    with pytest.raises(LoginDerivationRefused, match="weaker"):
        login_kdf(1, lowest=2)


@pytest.mark.negative(41)
def test_the_salts_are_those_of_the_vectors_and_differ_by_server_and_by_name() -> None:
    salts = set()
    for case in VECTORS["login_salts"]:
        salt = login_salt(bytes.fromhex(case["server_id"]), case["name"])
        assert salt.hex() == case["salt"]
        salts.add(salt)
    assert len(salts) == len(VECTORS["login_salts"])


def test_a_salt_is_made_for_the_mapped_name_so_its_form_is_the_callers() -> None:
    # "ö" as one character and as two are two strings here; names are mapped before they come here.
    assert login_salt(SERVER, "jörg") != login_salt(SERVER, unicodedata.normalize("NFD", "jörg"))


def test_what_bcrypt_gets_is_44_ascii_bytes_without_a_zero() -> None:
    for case in VECTORS["bcrypt_inputs"]:
        given = bcrypt_input(bytes.fromhex(case["login_secret"]))
        assert given.decode("ascii") == case["input"]
        assert len(given) == 44
        assert 0 not in given


def test_bcrypt_takes_the_whole_of_a_login_secret() -> None:
    import bcrypt

    stored = bcrypt.hashpw(bcrypt_input(b"\x00" * 31 + b"\x01"), bcrypt.gensalt(BCRYPT_COST_FLOOR))
    assert bcrypt.checkpw(bcrypt_input(b"\x00" * 31 + b"\x01"), stored)
    assert not bcrypt.checkpw(bcrypt_input(b"\x00" * 31 + b"\x02"), stored)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_login_secret_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(EncodingError):
        bcrypt_input(bytes(length))


# --- the device's signature ----------------------------------------------------------------------


def test_the_signature_of_the_vectors_verifies_over_the_payload_of_the_vectors() -> None:
    payload = payload_of(SIGNATURE["connection"])
    assert payload.hex() == SIGNATURE["payload"]
    key = DeviceSigningKey(bytes.fromhex(SIGNATURE["signing_key"]))
    verify_login_signature(key, bytes.fromhex(SIGNATURE["signature"]), payload)


@pytest.mark.parametrize("case", refusals(SIGNATURE))
@pytest.mark.negative(47)
def test_a_signature_for_anything_else_is_refused(case: dict[str, Any]) -> None:
    key = DeviceSigningKey(bytes.fromhex(case.get("signing_key", SIGNATURE["signing_key"])))
    signature = bytes.fromhex(case.get("signature", SIGNATURE["signature"]))
    with pytest.raises(DeviceSignatureInvalid):
        verify_login_signature(key, signature, payload_of(case.get("connection", SIGNATURE["connection"])))


@pytest.mark.negative(47)
def test_every_byte_of_the_payload_is_signed() -> None:
    key = SigningKey(bytes(32))
    payload = login_signature_payload(SERVER, USER, DeviceId(7), NONCE, LEAF)
    signature = key.sign(payload).signature
    public = DeviceSigningKey(bytes(key.verify_key))
    verify_login_signature(public, signature, payload)
    for place in range(len(payload)):
        altered = bytearray(payload)
        altered[place] ^= 1
        with pytest.raises(DeviceSignatureInvalid):
            verify_login_signature(public, signature, bytes(altered))


@pytest.mark.parametrize(
    ("server", "user", "device", "nonce", "leaf"),
    [
        (SERVER[1:], USER, 7, NONCE, LEAF),
        (SERVER, USER[1:], 7, NONCE, LEAF),
        (SERVER, bytes(16), 7, NONCE, LEAF),
        (SERVER, USER, 0, NONCE, LEAF),
        (SERVER, USER, 2**32, NONCE, LEAF),
        (SERVER, USER, -1, NONCE, LEAF),
        (SERVER, USER, 7, NONCE + b"\x00", LEAF),
        (SERVER, USER, 7, NONCE, LEAF[1:]),
        (SERVER, USER, 7, NONCE, b""),
    ],
)
def test_a_payload_is_only_made_of_fields_of_their_width(
    server: bytes, user: bytes, device: int, nonce: bytes, leaf: bytes
) -> None:
    with pytest.raises(EncodingError):
        login_signature_payload(server, UserId(user), DeviceId(device), nonce, leaf)


# --- tokens and invites --------------------------------------------------------------------------


def test_tokens_are_kept_as_their_plain_sha_256() -> None:
    tokens = VECTORS["tokens"]
    assert resume_token_hash(bytes.fromhex(tokens["resume"]["token"])).hex() == tokens["resume"]["hash"]
    assert invite_token_hash(bytes.fromhex(tokens["invite"]["token"])).hex() == tokens["invite"]["hash"]


def test_a_token_of_the_other_kind_is_refused() -> None:
    with pytest.raises(EncodingError):
        resume_token_hash(bytes(16))
    with pytest.raises(EncodingError):
        invite_token_hash(bytes(32))


def test_the_inviters_pin_is_that_of_the_vectors() -> None:
    case = VECTORS["inviter_pin"]
    identity_key = IdentityPublicKey(bytes.fromhex(case["identity_key"]))
    assert inviter_pin(UserId(bytes.fromhex(case["user_id"])), case["name"], identity_key).hex() == case["pin"]


def test_the_proof_of_the_vectors_is_made_and_accepted() -> None:
    secret, invitation = bytes.fromhex(PROOF["secret"]), invitation_of(PROOF["invitation"])
    assert invite_proof(secret, invitation).hex() == PROOF["proof"]
    check_invite_proof(bytes.fromhex(PROOF["proof"]), secret, invitation)


@pytest.mark.parametrize("case", refusals(PROOF))
@pytest.mark.negative(43)
def test_a_proof_for_anything_else_is_refused(case: dict[str, Any]) -> None:
    secret = bytes.fromhex(case.get("secret", PROOF["secret"]))
    invitation = invitation_of(case.get("invitation", PROOF["invitation"]))
    with pytest.raises(InviteProofInvalid):
        check_invite_proof(bytes.fromhex(case.get("proof", PROOF["proof"])), secret, invitation)


def test_a_proof_needs_a_secret_of_its_width() -> None:
    with pytest.raises(EncodingError):
        invite_proof(b"", invitation_of(PROOF["invitation"]))
