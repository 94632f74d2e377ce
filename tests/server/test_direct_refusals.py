"""What the server refuses about direct messages, by the numbers of PROTOCOL.md: 47, 53 and 57."""

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from nacl.signing import SigningKey

from secure_chat.directory.device_list import FIRST_VERSION, NO_PREVIOUS, DeviceEntry, DeviceList, check_registration
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret
from secure_chat.encoding import Writer, tag
from secure_chat.limits import (
    INVITE_TOKEN_BYTES,
    MAILBOX_ENVELOPES_PER_SENDER,
    MAX_DEVICES_PER_USER,
    MAX_DIRECT_FRAME_BYTES,
    MAX_ENVELOPE_BYTES,
    MAX_FRAME_BYTES,
    MAX_NAME_BYTES,
)
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.codec import decode_command, encode
from secure_chat.protocol.frames import split_frames
from tests.support.direct_wire import LONGEST, acknowledge, envelope_for, id_of, receive, send_direct
from tests.support.installation import Installation
from tests.support.people import TestPerson, make_person
from tests.support.wire_client import WireClient

# --- 47: without the device's signature over this connection there is no mailbox ------------------------------------

Forgery = Callable[[WireClient, TestPerson], c.DeviceProof | None]
OLD_NONCE: Final = bytes(range(32))


def no_device(_: WireClient, __: TestPerson) -> None:
    """The passphrase alone."""


def random_signature(client: WireClient, person: TestPerson) -> c.DeviceProof:
    proof = person.proof(client.server_id, client.hello.nonce, client.leaf_hash)
    return c.DeviceProof(proof.device_id, secrets.token_bytes(64), proof.counter)


def old_nonce(client: WireClient, person: TestPerson) -> c.DeviceProof:
    return person.proof(client.server_id, OLD_NONCE, client.leaf_hash)


def other_certificate(client: WireClient, person: TestPerson) -> c.DeviceProof:
    return person.proof(client.server_id, client.hello.nonce, bytes(32))


def other_server(client: WireClient, person: TestPerson) -> c.DeviceProof:
    return person.proof(bytes(32), client.hello.nonce, client.leaf_hash)


def other_device(client: WireClient, person: TestPerson) -> c.DeviceProof:
    stranger = replace(person, device=DeviceSecrets.generate(secrets.token_bytes))
    return stranger.proof(client.server_id, client.hello.nonce, client.leaf_hash)


def other_devices_key(client: WireClient, person: TestPerson) -> c.DeviceProof:
    key = replace(DeviceSecrets.generate(secrets.token_bytes), device_id=person.device.device_id)
    return replace(person, device=key).proof(client.server_id, client.hello.nonce, client.leaf_hash)


FORGERIES: Final = (random_signature, old_nonce, other_certificate, other_server, other_device, other_devices_key)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, list[bytes]]]:
    """A server on which three envelopes of alice wait for bob."""
    installation = Installation(tmp_path_factory.mktemp("refusals"))
    alice, bob = installation.seed(["alice", "bob"])
    envelopes = [envelope_for(alice, bob) for _ in range(3)]
    with installation.start():
        with installation.connect_as("alice") as client:
            send_direct(client, bob, *envelopes)
        yield installation, envelopes


def asks_for_the_mailbox(client: WireClient, person: TestPerson, envelopes: list[bytes]) -> None:
    """All that a device may do with its mailbox; nothing of it is answered but with a refusal."""
    ids = [id_of(envelope) for envelope in envelopes]
    for command in (
        c.DirectAcknowledge(client.next_id(), ids),
        c.DirectDefer(client.next_id(), ids),
        c.PrekeysClaim(client.next_id(), person.user_id, [person.device.device_id]),
        c.PrekeysPublish(client.next_id()),
        c.DirectSend(client.next_id(), person.user_id, [c.DirectPart(1, omitted=1)]),
    ):
        client.send(command)


def all_was_refused(client: WireClient) -> bool:
    return {type(said) for said in client.said} <= {e.Failure, e.WelcomeLimited}


@pytest.mark.negative(47)
@pytest.mark.parametrize("forge", [no_device, *FORGERIES])
def test_a_login_that_the_device_has_not_signed_fetches_and_acknowledges_nothing(
    waiting: tuple[Installation, list[bytes]], forge: Forgery
) -> None:
    installation, envelopes = waiting
    bob = installation.people["bob"]
    with installation.connect() as client:
        proof = forge(client, bob)
        client.send(c.Login(client.next_id(), bob.name, bob.login_secret, proof))
        asks_for_the_mailbox(client, bob, envelopes)
        if proof is None:
            client.wait_for(e.WelcomeLimited)
            asks_for_the_mailbox(client, bob, envelopes)
            client.send(c.Logout(client.next_id()))
            client.wait_for(e.Done)
        client.wait_until_closed()
        assert all_was_refused(client)
    still_waits(installation, envelopes)


@pytest.mark.negative(47)
@pytest.mark.parametrize("forge", FORGERIES)
def test_a_resumption_that_the_device_has_not_signed_fetches_and_acknowledges_nothing(
    waiting: tuple[Installation, list[bytes]], forge: Forgery
) -> None:
    installation, envelopes = waiting
    bob = installation.people["bob"]
    with installation.connect() as client:
        proof = forge(client, bob)
        assert proof is not None
        client.send(c.Resume(client.next_id(), bob.resume_token, proof))
        asks_for_the_mailbox(client, bob, envelopes)
        client.wait_until_closed()
        assert all_was_refused(client)
    still_waits(installation, envelopes)


def still_waits(installation: Installation, envelopes: list[bytes]) -> None:
    with installation.connect_as("bob") as client:
        assert receive(client, len(envelopes)) == envelopes


# --- 53: eight devices ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Family:
    """A person with several devices, which log in one by one."""

    devices: list[TestPerson]


def person_with_devices(name: str, count: int) -> Family:
    """One account whose first list names `count` devices."""
    person = make_person(name)
    secrets_of = [person.device, *(DeviceSecrets.generate(secrets.token_bytes) for _ in range(count - 1))]
    signed = person.identity.sign(device_list_of(person, secrets_of))
    accepted = check_registration(signed, name)
    return Family([replace(person, device=device, device_list=accepted) for device in secrets_of])


def device_list_of(person: TestPerson, devices: list[DeviceSecrets]) -> DeviceList:
    now = int(time.time() * 1000)
    identity_key = person.identity.public_key
    entries = [device.entry(person.user_id, identity_key, now) for device in devices]
    ascending = tuple(sorted(entries, key=lambda entry: entry.device_id))
    return DeviceList(person.user_id, person.name, identity_key, FIRST_VERSION, NO_PREVIOUS, now, ascending)


@contextmanager
def family(directory: Path, count: int) -> Iterator[tuple[Installation, Family]]:
    """A running server with alice and with bob, who has `count` devices."""
    installation = Installation(directory)
    installation.seed(["alice"])
    bob = person_with_devices("bob", count)
    token = installation.invite()
    with installation.start():
        with installation.connect() as client:
            client.register(bob.devices[0], token)
        yield installation, bob


@pytest.mark.negative(53)
def test_eight_devices_with_the_longest_message_fit_one_frame_and_all_get_it(tmp_path: Path) -> None:
    with family(tmp_path, MAX_DEVICES_PER_USER) as (installation, bob):
        alice = installation.people["alice"]
        envelopes = [envelope_for(alice, device, padded=LONGEST, is_init=True) for device in bob.devices]
        assert {len(envelope) for envelope in envelopes} == {MAX_ENVELOPE_BYTES}
        parts = [
            c.DirectPart(device.device.device_id, envelope=envelope)
            for device, envelope in zip(bob.devices, envelopes, strict=True)
        ]
        command = c.DirectSend(1, bob.devices[0].user_id, parts)
        frame = encode(command)
        assert len(frame) <= MAX_FRAME_BYTES
        assert decode_command(split_frames(frame)[0]) == command
        with installation.connect_as("alice") as client:
            assert isinstance(client.ask(replace_id(command, client.next_id())), e.DirectAccepted)
        for device, envelope in zip(bob.devices, envelopes, strict=True):
            with installation.connect() as client:
                client.login(device)
                assert receive(client, 1) == [envelope]


def replace_id(command: c.DirectSend, request: int) -> c.DirectSend:
    return c.DirectSend(request, command.user_id, command.parts)


@pytest.mark.negative(53)
def test_a_full_device_blocks_neither_the_others_nor_its_own_order(tmp_path: Path) -> None:
    with family(tmp_path, 2) as (installation, bob):
        alice = installation.people["alice"]
        slow, quick = bob.devices
        kept = [envelope_for(alice, slow) for _ in range(MAILBOX_ENVELOPES_PER_SENDER + 1)]
        late = envelope_for(alice, quick)
        with installation.connect_as("alice") as client:
            for envelope in kept[:-1]:
                both(client, slow, quick, envelope, 5)
            full = client.ask(two_parts(client, slow, quick, kept[-1], late))
            assert isinstance(full, e.DevicesFull)
            assert full.devices == [slow.device.device_id]
            with installation.connect() as there:
                there.login(quick)
                assert isinstance(client.ask(two_parts(client, slow, quick, 4, late)), e.DirectAccepted)
                assert receive(there, 1) == [late]
                acknowledge(there, late)
            with installation.connect() as there:
                there.login(slow)
                came = receive(there, 10)
                acknowledge(there, *came)
                both(client, slow, quick, kept[-1], 5)
                while len(came) < len(kept):
                    batch = receive(there, min(50, len(kept) - len(came)))
                    acknowledge(there, *batch)
                    came += batch
                assert came == kept


def two_parts(
    client: WireClient, first: TestPerson, second: TestPerson, one: bytes | int, other: bytes | int
) -> c.DirectSend:
    """An envelope, or the reason why there is none, for each of two devices."""
    parts = [
        c.DirectPart(device.device.device_id, envelope=what)
        if isinstance(what, bytes)
        else c.DirectPart(device.device.device_id, omitted=what)
        for device, what in ((first, one), (second, other))
    ]
    return c.DirectSend(client.next_id(), first.user_id, parts)


def both(client: WireClient, first: TestPerson, second: TestPerson, one: bytes | int, other: bytes | int) -> None:
    reply = client.ask(two_parts(client, first, second, one, other))
    assert isinstance(reply, e.DirectAccepted), reply


def test_the_largest_envelope_on_its_way_to_its_device_is_within_its_limit() -> None:
    largest = e.DirectEnvelope(bytes(MAX_ENVELOPE_BYTES), 2**63 - 1, "x" * MAX_NAME_BYTES)
    assert len(encode(largest)) <= MAX_DIRECT_FRAME_BYTES


# --- 57: malformed lists --------------------------------------------------------------------------------------------


Malformation = Callable[[TestPerson, TestPerson], bytes]
ENTRY_BYTES: Final = 140


def signed_raw(person: TestPerson, data: bytes) -> bytes:
    """Bytes that no list would be written as, under a good signature."""
    return data + SigningKey(person.identity.seed).sign(tag("devlist") + data).signature


def wrong_signature(person: TestPerson, _: TestPerson) -> bytes:
    data = person.device_list.signed.encode()
    return data[:-1] + bytes([data[-1] ^ 1])


def another_identity(person: TestPerson, _: TestPerson) -> bytes:
    return IdentitySecret.generate(secrets.token_bytes).sign(person.device_list.device_list).encode()


def another_name(person: TestPerson, _: TestPerson) -> bytes:
    return person.identity.sign(replace(person.device_list.device_list, name="mallory")).encode()


def second_version(person: TestPerson, _: TestPerson) -> bytes:
    return person.identity.sign(
        replace(person.device_list.device_list, version=2, prev_hash=person.device_list.digest)
    ).encode()


def first_version_with_a_predecessor(person: TestPerson, _: TestPerson) -> bytes:
    data = person.device_list.device_list.encode()
    at = data.index(NO_PREVIOUS)
    return signed_raw(person, data[:at] + b"p" * 32 + data[at + 32 :])


def somebody_elses_signing_key(person: TestPerson, other: TestPerson) -> bytes:
    (own,), (foreign,) = person.device_list.device_list.devices, other.device_list.device_list.devices
    return with_devices(person, replace(own, signing_key=foreign.signing_key))


def somebody_elses_dh_key(person: TestPerson, other: TestPerson) -> bytes:
    stolen = replace(person.device, dh_secret=other.device.dh_secret)  # as if the proof could be made
    return with_devices(person, stolen.entry(person.user_id, person.identity.public_key, 1))


def one_signing_key_twice(person: TestPerson, _: TestPerson) -> bytes:
    second = replace(DeviceSecrets.generate(secrets.token_bytes), signing_seed=person.device.signing_seed)
    return with_devices(person, *entries(person, person.device, second))


def one_dh_key_twice(person: TestPerson, _: TestPerson) -> bytes:
    second = replace(DeviceSecrets.generate(secrets.token_bytes), dh_secret=person.device.dh_secret)
    return with_devices(person, *entries(person, person.device, second))


def descending(person: TestPerson, _: TestPerson) -> bytes:
    data = device_list_of(person, [person.device, DeviceSecrets.generate(secrets.token_bytes)]).encode()
    first, second = data[-2 * ENTRY_BYTES : -ENTRY_BYTES], data[-ENTRY_BYTES:]
    return signed_raw(person, data[: -2 * ENTRY_BYTES] + second + first)


def no_device_at_all(person: TestPerson, _: TestPerson) -> bytes:
    return signed_raw(person, person.device_list.device_list.encode()[: -ENTRY_BYTES - 1] + b"\x00")


def nine_devices(person: TestPerson, _: TestPerson) -> bytes:
    head = person.device_list.device_list.encode()[: -ENTRY_BYTES - 1]
    devices = [DeviceSecrets.generate(secrets.token_bytes) for _ in range(MAX_DEVICES_PER_USER + 1)]
    writer = Writer()
    for entry in entries(person, *devices):
        entry.write(writer)
    return signed_raw(person, head + bytes([len(devices)]) + writer.finish())


def user_id_of_zeros(person: TestPerson, _: TestPerson) -> bytes:
    return signed_raw(person, bytes(16) + person.device_list.device_list.encode()[16:])


def cut_short(person: TestPerson, _: TestPerson) -> bytes:
    return person.device_list.signed.encode()[:-1]


def something_behind_it(person: TestPerson, _: TestPerson) -> bytes:
    return person.device_list.signed.encode() + b"\x00"


def entries(person: TestPerson, *devices: DeviceSecrets) -> list[DeviceEntry]:
    made = [device.entry(person.user_id, person.identity.public_key, 1) for device in devices]
    return sorted(made, key=lambda entry: entry.device_id)


def with_devices(person: TestPerson, *devices: DeviceEntry) -> bytes:
    return person.identity.sign(replace(person.device_list.device_list, devices=devices)).encode()


MALFORMED: Final[tuple[Malformation, ...]] = (
    wrong_signature,
    another_identity,
    another_name,
    second_version,
    first_version_with_a_predecessor,
    somebody_elses_signing_key,
    somebody_elses_dh_key,
    one_signing_key_twice,
    one_dh_key_twice,
    descending,
    no_device_at_all,
    nine_devices,
    user_id_of_zeros,
    cut_short,
    something_behind_it,
)


@pytest.mark.negative(9, 57, 59)
@pytest.mark.parametrize("malform", MALFORMED)
def test_a_malformed_list_makes_no_account(waiting: tuple[Installation, list[bytes]], malform: Malformation) -> None:
    installation, _ = waiting
    person = make_person(f"person-{secrets.token_hex(4)}")
    bad = malform(person, installation.people["alice"])
    with installation.connect_as("alice") as alice:
        token = secrets.token_bytes(INVITE_TOKEN_BYTES)
        made = alice.ask(c.InviteCreate(alice.next_id(), invite_token_hash(token)))
        assert isinstance(made, e.InviteMade)
    with installation.connect() as client:
        refused = client.answer_to(client.send(registration(client, person, bad, token)))
        assert isinstance(refused, e.Failure)
        assert refused.code in {"device_list.invalid", "signature.invalid", "encoding.invalid"}
        client.wait_until_closed()
    with installation.connect() as client:
        client.register(person, token)  # nothing was left behind: the same invite serves who asks rightly


def registration(client: WireClient, person: TestPerson, device_list: bytes, token: bytes) -> c.Register:
    return c.Register(
        client.next_id(),
        person.name,
        person.login_secret,
        device_list,
        person.signed_prekey.published.encode(),
        person.proof(client.server_id, client.hello.nonce, client.leaf_hash),
        token,
    )


@pytest.mark.negative(57)
def test_a_server_that_runs_has_loaded_nothing_that_could_open_a_message() -> None:
    """The source is held by tests of the architecture; here the interpreter says what it has loaded."""
    code = (
        "import sys, secure_chat.server.main, secure_chat.server.assembly, secure_chat.server.quickstart;"
        "print(*[name for name in sys.modules if name.startswith('secure_chat')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "secure_chat.directory.prekeys" in found
    assert [name for name in found if name.startswith(("secure_chat.e2ee", "secure_chat.client"))] == []
