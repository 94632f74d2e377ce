"""Make the vectors of tests/vectors/directory: `python -m tests.directory.vectors` writes them anew.

They are frozen: a test fails when the code makes others. Every `bytes` is hexadecimal; a negative vector names the
code of the error that it must cause. The seed of an identity is given, so that its signature can be made again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from secure_chat.directory.device_list import DeviceList, SignedDeviceList, check_first_contact
from secure_chat.directory.keys import DeviceDhKey
from secure_chat.directory.leaf import Leaf, LeafType
from secure_chat.directory.pins import inviter_pin
from secure_chat.directory.prekeys import PublishedOneTimePrekey, PublishedSignedPrekey
from secure_chat.encoding import tag
from tests.directory.people import NOON, Device, Person, drawn

Json: TypeAlias = str | int | Sequence["Json"] | Mapping[str, "Json"]

DIRECTORY: Final = Path(__file__).parent.parent / "vectors" / "directory"

ALICE: Final = Person("alice")
ZOE: Final = Person("zoë")
LAPTOP: Final = Device("laptop", 7)
PHONE: Final = Device("phone", 70_000)
FIRST: Final = ALICE.signed_list(LAPTOP)
SECOND: Final = ALICE.signed_list(LAPTOP, PHONE, after=FIRST)
COUNT_AT: Final = 16 + 4 + len("alice") + 32 + 4 + 32 + 8


def all_vectors() -> dict[str, Json]:
    """File name to content."""
    return {
        "device_lists.json": device_lists(),
        "successors.json": successors(),
        "prekeys.json": prekeys(),
        "leaves.json": leaves(),
        "tags.json": tags(),
    }


def device_lists() -> Json:
    """Signed device lists that are valid alone, and bytes that are none."""
    eight = ZOE.signed_list(*(Device(f"device {number}", number * 1000) for number in range(1, 9)))
    return {
        "about": "PROTOCOL.md 5.2. valid: a signed list with its digest DLH. invalid: bytes refused at first contact "
        "with the name given.",
        "valid": [
            _described_list("one device", ALICE, FIRST),
            _described_list("two devices, version 2", ALICE, SECOND),
            _described_list("eight devices, a name with a letter of two bytes", ZOE, eight),
        ],
        "invalid": [
            {"what": what, "name": "alice", "bytes": data.hex(), "error": error} for what, data, error in _bad_lists()
        ],
    }


def _bad_lists() -> list[tuple[str, bytes, str]]:
    first, second = FIRST.encode(), SECOND.encode()
    swapped = replace(FIRST.device_list, devices=(replace(FIRST.device_list.devices[0], pop=FIRST.signature),))
    twin = Device("twin", 8)
    twin.dh_key = DeviceDhKey(LAPTOP.dh_key.raw[:31] + bytes([LAPTOP.dh_key.raw[31] | 0x80]))
    return [
        ("nothing", b"", "encoding.invalid"),
        ("one byte less", first[:-1], "encoding.invalid"),
        ("one byte more", first + b"\x00", "encoding.invalid"),
        ("user_id of zeros", _spliced(first, 0, bytes(16)), "encoding.invalid"),
        ("no name", first[:16] + bytes(4) + first[25:], "encoding.invalid"),
        ("name of 4 GiB announced", _spliced(first, 16, b"\xff" * 4), "encoding.invalid"),
        ("name not UTF-8", _spliced(first, 20, b"\xff"), "encoding.invalid"),
        ("version 0", _spliced(first, 57, bytes(4)), "encoding.invalid"),
        ("version 1 with a previous hash", _spliced(first, 61, b"\x01"), "encoding.invalid"),
        ("version 2 without a previous hash", _spliced(second, 61, bytes(32)), "encoding.invalid"),
        ("no devices", _spliced(first, COUNT_AT, b"\x00"), "encoding.invalid"),
        ("nine devices announced", _spliced(first, COUNT_AT, b"\x09"), "encoding.invalid"),
        ("device_id of zeros", _spliced(first, COUNT_AT + 1, bytes(4)), "encoding.invalid"),
        ("device_ids descending", _spliced(second, COUNT_AT + 141, bytes(3) + b"\x06"), "encoding.invalid"),
        ("one device_id twice", _spliced(second, COUNT_AT + 141, bytes(3) + b"\x07"), "encoding.invalid"),
        ("DDH of zeros", _spliced(first, COUNT_AT + 37, bytes(32)), "encoding.invalid"),
        ("DDH of zeros with bit 255", _spliced(first, COUNT_AT + 37, bytes(31) + b"\x80"), "encoding.invalid"),
        ("another name", Person("alicia").signed_list(LAPTOP).encode(), "device_list.invalid"),
        ("one DDH twice, once with bit 255", ALICE.signed_list(LAPTOP, twin).encode(), "device_list.invalid"),
        ("signed by another identity", _signed_by(ALICE.with_new_identity(), FIRST.device_list), "signature.invalid"),
        ("a device added without the identity", _added_by_the_server(), "signature.invalid"),
        ("pop exchanged for the list's signature", ALICE.sign(swapped).encode(), "signature.invalid"),
        ("an entry of another person", _borrowed_entry(), "signature.invalid"),
        ("UIK of small order", _spliced(first, 25, b"\x01" + bytes(31)), "signature.invalid"),
    ]


def successors() -> Json:
    """Pairs of lists: what may follow, and what must not."""
    removed = ALICE.signed_list(PHONE, after=SECOND)
    reborn = ALICE.with_new_identity()
    new_keys, new_number = Device("another", 7), Device("laptop", 8)
    cases: list[tuple[str, SignedDeviceList, SignedDeviceList, list[SignedDeviceList], str]] = [
        ("a device joins", FIRST, SECOND, [], ""),
        ("a device leaves", SECOND, removed, [FIRST], ""),
        (
            "a device comes back with the keys it had",
            removed,
            ALICE.signed_list(LAPTOP, after=removed),
            [FIRST, SECOND],
            "",
        ),
        ("identity reset with a new device", FIRST, reborn.signed_list(PHONE, after=FIRST), [], ""),
        ("the same version again", FIRST, FIRST, [], "device_list.outdated"),
        ("a lower version", SECOND, FIRST, [], "device_list.outdated"),
        ("a version left out", FIRST, removed, [], "device_list.gap"),
        (
            "another list of the same version",
            FIRST,
            ALICE.sign(ALICE.device_list(LAPTOP, created=NOON + 1)),
            [],
            "device_list.conflict",
        ),
        (
            "another previous hash",
            FIRST,
            ALICE.sign(replace(ALICE.device_list(LAPTOP, after=FIRST), prev_hash=drawn("x", 32))),
            [],
            "device_list.invalid",
        ),
        ("an old number with new keys", FIRST, ALICE.signed_list(new_keys, after=FIRST), [], "device_list.invalid"),
        ("old keys under a new number", FIRST, ALICE.signed_list(new_number, after=FIRST), [], "device_list.invalid"),
        (
            "a number of a removed device with new keys",
            removed,
            ALICE.signed_list(new_keys, PHONE, after=removed),
            [FIRST, SECOND],
            "device_list.invalid",
        ),
        (
            "a device of the old identity under the new one",
            FIRST,
            reborn.signed_list(LAPTOP, after=FIRST),
            [],
            "device_list.invalid",
        ),
    ]
    return {
        "about": "PROTOCOL.md 5.2. previous: the newest list accepted. before: all lists accepted earlier. error: the "
        "code when candidate must be refused, empty when it must be accepted.",
        "cases": [
            {
                "what": what,
                "previous": previous.encode().hex(),
                "before": [earlier.encode().hex() for earlier in before],
                "candidate": candidate.encode().hex(),
                "error": error,
            }
            for what, previous, candidate, before, error in cases
        ],
    }


def prekeys() -> Json:
    """A signed and a one-time prekey, and what is neither."""
    signed, once = LAPTOP.signed_prekey(ALICE), LAPTOP.one_time_prekey(ALICE)
    other = LAPTOP.one_time_prekey(ALICE, "another")
    bad_signed = [
        ("one byte less", signed.encode()[:-1], "encoding.invalid"),
        ("one byte more", signed.encode() + b"\x00", "encoding.invalid"),
        ("id of zeros", bytes(8) + signed.encode()[8:], "encoding.invalid"),
        ("suite_max 0", _spliced(signed.encode(), 8, b"\x00"), "encoding.invalid"),
        ("x of low order", _spliced(signed.encode(), 9, b"\x01" + bytes(31)), "encoding.invalid"),
        ("the signature of the other kind", replace(signed, signature=once.signature).encode(), "signature.invalid"),
        ("suite_max changed", _spliced(signed.encode(), 8, b"\x02"), "signature.invalid"),
        ("for another device", Device("laptop", 8).signed_prekey(ALICE).encode(), "signature.invalid"),
        ("for another account", LAPTOP.signed_prekey(ZOE).encode(), "signature.invalid"),
    ]
    bad_once = [
        ("one byte less", once.encode()[:-1], "encoding.invalid"),
        ("one byte more", once.encode() + b"\x00", "encoding.invalid"),
        ("id of zeros", bytes(8) + once.encode()[8:], "encoding.invalid"),
        ("x of low order", _spliced(once.encode(), 8, bytes(32)), "encoding.invalid"),
        ("the signature of the other kind", replace(once, signature=signed.signature).encode(), "signature.invalid"),
        (
            "the KEM half of another prekey",
            replace(once, prekey=replace(once.prekey, kem_key=other.prekey.kem_key)).encode(),
            "signature.invalid",
        ),
    ]
    return {
        "about": "PROTOCOL.md 5.3. The struct and its signature, checked for the device given.",
        "user_id": ALICE.user_id.hex(),
        "device_id": LAPTOP.device_id,
        "signing_key": LAPTOP.signing_key.raw.hex(),
        "signed": _described_signed(signed),
        "once": _described_once(once),
        "invalid_signed": [{"what": what, "bytes": data.hex(), "error": error} for what, data, error in bad_signed],
        "invalid_once": [{"what": what, "bytes": data.hex(), "error": error} for what, data, error in bad_once],
    }


def leaves() -> Json:
    """Leaves of every type, and bytes that are none."""
    rows = [Leaf(kind, ALICE.user_id, "alice", 1, FIRST.digest(), NOON + kind) for kind in LeafType]
    first = rows[0].encode()
    bad = [
        ("one byte less", first[:-1]),
        ("one byte more", first + b"\x00"),
        ("type 0", _spliced(first, 0, b"\x00")),
        ("type 6", _spliced(first, 0, b"\x06")),
        ("user_id of zeros", _spliced(first, 1, bytes(16))),
        ("version 0", _spliced(first, 26, bytes(4))),
        ("digest of zeros", _spliced(first, 30, bytes(32))),
    ]
    return {
        "about": "PROTOCOL.md 5.4.",
        "valid": [
            {
                "type": row.type,
                "user_id": row.user_id.hex(),
                "name": row.name,
                "version": row.version,
                "digest": row.digest.hex(),
                "time": row.time,
                "bytes": row.encode().hex(),
            }
            for row in rows
        ],
        "invalid": [{"what": what, "bytes": data.hex(), "error": "encoding.invalid"} for what, data in bad],
    }


def tags() -> Json:
    """Domain tags, and the inviter's pin."""
    return {
        "about": "PROTOCOL.md 5 and 3.",
        "tags": {name: tag(name).hex() for name in ("devlist", "device-pop", "prekey-signed", "prekey-once", "dl")},
        "inviter_pin": {
            "user_id": ALICE.user_id.hex(),
            "name": "alice",
            "identity_key": ALICE.identity_key.raw.hex(),
            "pin": inviter_pin(ALICE.user_id, "alice", ALICE.identity_key).hex(),
        },
    }


def write() -> None:
    """Write every file."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, content in all_vectors().items():
        (DIRECTORY / name).write_text(as_text(content), encoding="utf-8")


def as_text(content: Json) -> str:
    """The text of one file."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _described_list(what: str, owner: Person, signed: SignedDeviceList) -> Json:
    device_list = signed.device_list
    return {
        "what": what,
        "identity_seed": bytes(owner.identity_signer).hex(),
        "user_id": device_list.user_id.hex(),
        "name": device_list.name,
        "identity_key": device_list.identity_key.raw.hex(),
        "version": device_list.version,
        "prev_hash": device_list.prev_hash.hex(),
        "created": device_list.created,
        "devices": [
            {
                "device_id": entry.device_id,
                "signing_key": entry.signing_key.raw.hex(),
                "dh_key": entry.dh_key.raw.hex(),
                "added_at": entry.added_at,
                "pop": entry.pop.hex(),
            }
            for entry in device_list.devices
        ],
        "signature": signed.signature.hex(),
        "bytes": signed.encode().hex(),
        "digest": check_first_contact(signed, owner.name).digest.hex(),
    }


def _described_signed(published: PublishedSignedPrekey) -> Json:
    prekey = published.prekey
    return {
        "id": prekey.prekey_id.hex(),
        "suite_max": prekey.suite_max,
        "x": prekey.dh_key.raw.hex(),
        "mlkem": prekey.kem_key.raw.hex(),
        "created": prekey.created,
        "signature": published.signature.hex(),
        "bytes": published.encode().hex(),
    }


def _described_once(published: PublishedOneTimePrekey) -> Json:
    prekey = published.prekey
    return {
        "id": prekey.prekey_id.hex(),
        "x": prekey.dh_key.raw.hex(),
        "mlkem": prekey.kem_key.raw.hex(),
        "signature": published.signature.hex(),
        "bytes": published.encode().hex(),
    }


def _spliced(data: bytes, position: int, replacement: bytes) -> bytes:
    return data[:position] + replacement + data[position + len(replacement) :]


def _signed_by(person: Person, device_list: DeviceList) -> bytes:
    return person.sign(device_list).encode()


def _added_by_the_server() -> bytes:
    entries = (*FIRST.device_list.devices, ALICE.entry(Device("intruder", 9)))
    return SignedDeviceList(replace(FIRST.device_list, devices=entries), FIRST.signature).encode()


def _borrowed_entry() -> bytes:
    return ALICE.sign(replace(FIRST.device_list, devices=(ZOE.entry(PHONE),))).encode()


if __name__ == "__main__":
    write()
