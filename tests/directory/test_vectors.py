"""The frozen vectors: the code makes exactly these, accepts the valid ones and refuses the invalid ones as they say."""

import json
from functools import cache
from typing import Any

import pytest

from secure_chat.directory.device_list import (
    AcceptedDeviceList,
    SignedDeviceList,
    check_first_contact,
    check_successor,
)
from secure_chat.directory.keys import DeviceDhKey, DeviceId, DeviceSigningKey, IdentityPublicKey, UserId
from secure_chat.directory.leaf import Leaf, LeafType
from secure_chat.directory.pins import inviter_pin
from secure_chat.directory.prekeys import PublishedOneTimePrekey, PublishedSignedPrekey
from secure_chat.encoding import tag
from secure_chat.errors import ChatError
from tests.directory import vectors


@cache
def loaded(name: str) -> Any:
    """One file; JSON is untyped until it is compared."""
    return json.loads((vectors.DIRECTORY / name).read_text(encoding="utf-8"))


def cases(name: str, *path: str) -> list[Any]:
    rows = loaded(name)
    for step in path:
        rows = rows[step]
    return [pytest.param(row, id=row["what"]) for row in rows]


@pytest.mark.negative(49)
@pytest.mark.parametrize("name", sorted(vectors.all_vectors()))
def test_the_vectors_are_frozen(name: str) -> None:
    """(negative test 49) A change of one byte anywhere in an encoding, a tag or a signature shows here."""
    frozen = (vectors.DIRECTORY / name).read_text(encoding="utf-8")
    assert frozen == vectors.as_text(vectors.all_vectors()[name])


@pytest.mark.parametrize("vector", cases("device_lists.json", "valid"))
def test_a_valid_list_is_read_field_by_field(vector: Any) -> None:
    signed = SignedDeviceList.parse(bytes.fromhex(vector["bytes"]))
    device_list = signed.device_list
    assert device_list.user_id.hex() == vector["user_id"]
    assert device_list.name == vector["name"]
    assert device_list.identity_key == IdentityPublicKey(bytes.fromhex(vector["identity_key"]))
    assert (device_list.version, device_list.created) == (vector["version"], vector["created"])
    assert device_list.prev_hash.hex() == vector["prev_hash"]
    assert len(device_list.devices) == len(vector["devices"])
    for entry, row in zip(device_list.devices, vector["devices"], strict=True):
        assert (entry.device_id, entry.added_at, entry.pop.hex()) == (row["device_id"], row["added_at"], row["pop"])
        assert entry.signing_key == DeviceSigningKey(bytes.fromhex(row["signing_key"]))
        assert entry.dh_key == DeviceDhKey(bytes.fromhex(row["dh_key"]))
    assert signed.signature.hex() == vector["signature"]
    assert check_first_contact(signed, vector["name"]).digest.hex() == vector["digest"]


@pytest.mark.negative(2)
@pytest.mark.negative(8)
@pytest.mark.negative(9)
@pytest.mark.negative(49)
@pytest.mark.negative(57)
@pytest.mark.parametrize("vector", cases("device_lists.json", "invalid"))
def test_an_invalid_list_is_refused_for_its_reason(vector: Any) -> None:
    """(negative tests 2, 8, 9, 49 and 57)"""
    with pytest.raises(ChatError) as refused:
        check_first_contact(SignedDeviceList.parse(bytes.fromhex(vector["bytes"])), vector["name"])
    assert refused.value.code == vector["error"]


@pytest.mark.negative(7)
@pytest.mark.negative(38)
@pytest.mark.parametrize("vector", cases("successors.json", "cases"))
def test_a_list_follows_another_or_is_refused_for_its_reason(vector: Any) -> None:
    """(negative tests 7 and 38)"""
    previous = AcceptedDeviceList.from_own_store(bytes.fromhex(vector["previous"]))
    before = [SignedDeviceList.parse(bytes.fromhex(earlier)).device_list for earlier in vector["before"]]
    seen = [device for earlier in before for device in earlier.seen_devices()]
    candidate = SignedDeviceList.parse(bytes.fromhex(vector["candidate"]))
    if not vector["error"]:
        assert check_successor(previous, candidate, seen).signed == candidate
        return
    with pytest.raises(ChatError) as refused:
        check_successor(previous, candidate, seen)
    assert refused.value.code == vector["error"]


def test_valid_prekeys_are_read_field_by_field() -> None:
    page = loaded("prekeys.json")
    owner = (DeviceSigningKey(bytes.fromhex(page["signing_key"])), UserId(bytes.fromhex(page["user_id"])))
    signed = PublishedSignedPrekey.parse(bytes.fromhex(page["signed"]["bytes"]))
    once = PublishedOneTimePrekey.parse(bytes.fromhex(page["once"]["bytes"]))
    for published, row in ((signed, page["signed"]), (once, page["once"])):
        published.check_signature(*owner, DeviceId(page["device_id"]))
        prekey = published.prekey
        assert (
            prekey.prekey_id.hex(),
            prekey.dh_key.raw.hex(),
            prekey.kem_key.raw.hex(),
            published.signature.hex(),
        ) == (
            row["id"],
            row["x"],
            row["mlkem"],
            row["signature"],
        )
    assert (signed.prekey.suite_max, signed.prekey.created) == (page["signed"]["suite_max"], page["signed"]["created"])


@pytest.mark.negative(4)
@pytest.mark.negative(49)
@pytest.mark.parametrize(
    ("kind", "vector"),
    [
        pytest.param(kind, row, id=f"{key}: {row['what']}")
        for kind, key in ((PublishedSignedPrekey, "invalid_signed"), (PublishedOneTimePrekey, "invalid_once"))
        for row in loaded("prekeys.json")[key]
    ],
)
def test_an_invalid_prekey_is_refused_for_its_reason(
    kind: type[PublishedSignedPrekey] | type[PublishedOneTimePrekey], vector: Any
) -> None:
    """(negative tests 4 and 49)"""
    page = loaded("prekeys.json")
    signing_key, user_id = DeviceSigningKey(bytes.fromhex(page["signing_key"])), UserId(bytes.fromhex(page["user_id"]))
    with pytest.raises(ChatError) as refused:
        kind.parse(bytes.fromhex(vector["bytes"])).check_signature(signing_key, user_id, DeviceId(page["device_id"]))
    assert refused.value.code == vector["error"]


@pytest.mark.negative(49)
def test_leaves_are_read_field_by_field_and_invalid_ones_refused() -> None:
    """(negative test 49)"""
    page = loaded("leaves.json")
    for row in page["valid"]:
        leaf = Leaf.parse(bytes.fromhex(row["bytes"]))
        assert leaf == Leaf(
            LeafType(row["type"]),
            UserId(bytes.fromhex(row["user_id"])),
            row["name"],
            row["version"],
            bytes.fromhex(row["digest"]),
            row["time"],
        )
    for row in page["invalid"]:
        with pytest.raises(ChatError) as refused:
            Leaf.parse(bytes.fromhex(row["bytes"]))
        assert refused.value.code == row["error"], row["what"]


def test_tags_and_the_inviters_pin_are_as_published() -> None:
    page = loaded("tags.json")
    for name, data in page["tags"].items():
        assert tag(name).hex() == data
    row = page["inviter_pin"]
    identity_key = IdentityPublicKey(bytes.fromhex(row["identity_key"]))
    assert inviter_pin(UserId(bytes.fromhex(row["user_id"])), row["name"], identity_key).hex() == row["pin"]
